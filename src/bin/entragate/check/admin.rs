//! Envoy's admin interface.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use crate::deployment::node::Node;
use crate::deployment::tls::is_local_host;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    for root in scene.deployment.roots() {
        let Some(address) = root.at(&["admin", "address", "socket_address"]) else {
            continue;
        };
        let Some(host) = address.text("address").filter(|host| !is_local_host(host)) else {
            continue;
        };
        let place = address.place_of("address");
        if holds_secret(scene) && std::ptr::eq(root.document, scene.filter.document()) {
            let message = format!(
                "the admin interface listens on {host}, and its dumps contain a secret of the configuration; bind \
                 it to 127.0.0.1, and read the secret from the environment"
            );
            findings.add(&ids::ADMIN_SHOWS_SECRET, place, Some("admin"), message);
        } else {
            let message = format!(
                "the admin interface listens on {host}: anyone who reaches it can stop Envoy, read its configuration, \
                 and have tokens logged; bind it to 127.0.0.1"
            );
            findings.add(&ids::ADMIN_EXPOSED, place, Some("admin"), message);
        }
    }
}

/// Whether Envoy's own configuration contains a secret that the filter uses.
fn holds_secret(scene: &Scene<'_>) -> bool {
    let credentials = scene.items("credentials");
    let inline = credentials
        .iter()
        .any(|(_, credential)| credential.get("value").is_some());
    let variables = ["vm_config", "environment_variables", "key_values"];
    let fixed = scene.filter.plugin.at(&variables);
    inline || fixed.is_some_and(|values: Node<'_>| !values.members().is_empty())
}
