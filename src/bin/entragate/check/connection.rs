//! Envoy's connection manager: paths, hosts, upgrades, addresses and client certificates.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use crate::deployment::envoy;
use crate::deployment::filters::Host;
use crate::deployment::node::Node;
use entragate::config::ClientAddress;
use entragate::policy::requirement::Condition;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    if let Some(manager) = envoy::connection_manager(scene.filter, scene.deployment) {
        if !manager.is_true("normalize_path") {
            path(&manager, "normalize_path is not true", findings);
        }
        hosts(scene, &manager, findings);
        upgrades(scene, &manager, findings);
        source(scene, &manager, findings);
        peer(scene, findings);
    }
    if scene.filter.host != Host::Envoy {
        patched(scene, findings);
    }
}

fn path(manager: &Node<'_>, wrong: &str, findings: &mut Findings) {
    let message = format!(
        "{wrong}, so routes and the upstream may see a different path than the rules; set normalize_path: true"
    );
    let place = manager.place_of("normalize_path");
    findings.add(
        &ids::PATH_NOT_NORMALIZED,
        place,
        manager.text("stat_prefix"),
        message,
    );
}

/// Patches of the connection managers that Istio and Envoy Gateway make, and Istio's MeshConfig.
fn patched(scene: &Scene<'_>, findings: &mut Findings) {
    if matches!(scene.filter.host, Host::Istio | Host::EnvoyFilter) {
        for root in scene.deployment.roots() {
            root.walk(&mut |node| {
                let setting = node.at(&["pathNormalization", "normalization"]);
                if let Some(setting) = setting.filter(|setting| *setting.value == "NONE") {
                    let message = "pathNormalization is NONE, so routes and the upstream may see a different path \
                                   than the rules; use BASE or a stronger normalization";
                    let place = setting.place();
                    findings.add(&ids::PATH_NOT_NORMALIZED, place, Some("MeshConfig"), message);
                }
            });
        }
    }
    for kind in ["EnvoyFilter", "EnvoyPatchPolicy"] {
        for resource in scene.deployment.resources(kind) {
            resource.walk(&mut |node| {
                let off = node
                    .get("normalize_path")
                    .is_some_and(|own| own.value == false);
                if node.is_message("HttpConnectionManager") && off {
                    path(node, "normalize_path is false", findings);
                }
            });
        }
    }
}

fn hosts(scene: &Scene<'_>, manager: &Node<'_>, findings: &mut Findings) {
    let endpoints = scene.items("endpoints");
    let endpoint = endpoints
        .iter()
        .find(|(_, endpoint)| endpoint.get("hosts").is_some());
    let (what, subject) = match (scene.rule_on_hosts(), endpoint) {
        (Some(rule), _) => ("match.hosts", Some(rule)),
        (None, Some(_)) => ("endpoints[].hosts", manager.text("stat_prefix")),
        (None, None) => return,
    };
    let wanted = ["strip_any_host_port", "strip_trailing_host_dot"];
    let lacking: Vec<&str> = wanted
        .into_iter()
        .filter(|name| !manager.is_true(name))
        .collect();
    let Some(first) = lacking.first() else {
        return;
    };
    let message = format!(
        "{what} depends on the host, but Envoy routes by the host as the caller spells it (`host:1`, `host.`); set {}",
        lacking.join(": true and ") + ": true"
    );
    findings.add(
        &ids::HOST_NOT_NORMALIZED,
        manager.place_of(first),
        subject,
        message,
    );
}

/// The entry for WebSocket among `upgrade_configs`, and whether it enables the upgrade.
fn websocket<'d>(holder: &Node<'d>) -> Option<(Node<'d>, bool)> {
    let configs = holder.list("upgrade_configs").into_iter();
    let mut websocket = configs.filter(|config| {
        let kind = config.text("upgrade_type");
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case("websocket"))
    });
    let config = websocket.next()?;
    let enabled = config
        .get("enabled")
        .is_none_or(|enabled| enabled.value == true);
    Some((config, enabled))
}

fn upgrades(scene: &Scene<'_>, manager: &Node<'_>, findings: &mut Findings) {
    let Some(rule) = scene.rule_on_models() else {
        return;
    };
    let general = websocket(manager);
    let tables = envoy::route_tables(scene.filter, scene.deployment);
    let routes = envoy::routes(&tables);
    let actions = routes.iter().filter_map(|route| route.action());
    let mut report = |at: &Node<'_>| {
        let message = format!(
            "WebSocket upgrades are enabled together with rule {rule:?}, which names models; the filter does not see \
             the model within a WebSocket; disable the upgrade on these routes"
        );
        findings.add(&ids::WEBSOCKET_WITH_MODELS, at.place(), Some(rule), message);
    };
    let mut inherited = routes.is_empty();
    for action in actions {
        match (websocket(&action), &general) {
            (Some((config, true)), _) => report(&config),
            (Some((_, false)), _) => {}
            (None, _) => inherited = true,
        }
    }
    if let Some((config, true)) = general
        && inherited
    {
        report(&config);
    }
}

fn source(scene: &Scene<'_>, manager: &Node<'_>, findings: &mut Findings) {
    let Some(config) = scene.config else { return };
    let wanted = config
        .policy
        .has_condition(|part| matches!(part, Condition::Source(_)));
    let trusts = manager.is_true("use_remote_address");
    if wanted && config.client_address == ClientAddress::Connection && !trusts {
        let message = "use_remote_address is not true, so the address that `source` checks is the one that the \
                       caller writes into x-forwarded-for; set it to true, or set client_address.trusted_hops if a \
                       proxy in front writes that header";
        let place = manager.place_of("use_remote_address");
        let name = manager.text("stat_prefix");
        findings.add(&ids::SOURCE_NOT_TRUSTED, place, name, message);
    }
}

fn peer(scene: &Scene<'_>, findings: &mut Findings) {
    let Some(config) = scene.config else { return };
    let wanted = config
        .policy
        .has_condition(|part| matches!(part, Condition::Peer(_)));
    let Some(chain) = scene.filter.around("filters").filter(|_| wanted) else {
        return;
    };
    let place = chain.place_of("transport_socket");
    let mut report = |message: &str| {
        findings.add(
            &ids::PEER_NOT_VERIFIED,
            place.clone(),
            chain.text("name"),
            message,
        );
    };
    let Some(tls) = chain.at(&["transport_socket", "typed_config"]) else {
        report(
            "this filter chain has no TLS, so there is no client certificate and no rule that requires `peer` is \
             satisfied; terminate TLS here, with a validation_context",
        );
        return;
    };
    let contexts = [
        "validation_context",
        "combined_validation_context",
        "validation_context_sds_secret_config",
    ];
    let common = tls.get("common_tls_context");
    let validated =
        common.is_some_and(|common| contexts.iter().any(|name| common.get(name).is_some()));
    if !validated {
        report(
            "client certificates are not validated (no validation_context), so anyone can claim to be any `peer`; \
             add one with trusted_ca",
        );
    } else if tls.value.to_string().contains("\"ACCEPT_UNTRUSTED\"") {
        report(
            "trust_chain_verification: ACCEPT_UNTRUSTED accepts any client certificate, so anyone can claim to be \
             any `peer`; remove it",
        );
    }
}
