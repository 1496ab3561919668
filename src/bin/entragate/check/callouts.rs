//! The clusters and URIs that the filter calls for keys, secrets, feeds and exports.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use super::trust::{self, Purpose};
use crate::deployment::clusters::{self, Known};
use crate::deployment::filters::Host;
use crate::deployment::istio;
use crate::deployment::tls::{Trust, is_local_host};
use crate::document::path;
use serde_json::Value;

/// One cluster that the configuration names.
struct Callout<'g> {
    /// The path of the name.
    at: String,
    cluster: &'g str,
    purpose: Purpose,
    /// The object that names the cluster.
    settings: &'g Value,
    /// The path of that object.
    parent: String,
}

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let mut callouts = Vec::new();
    gather(scene.given, "", Purpose::Feed, &mut callouts);
    for callout in &callouts {
        let known = clusters::look_up(callout.cluster, scene.filter, scene.deployment);
        cluster(scene, callout, &known, findings);
        uris(scene, callout, &known, findings);
    }
    let calls = callouts
        .iter()
        .any(|callout| callout.purpose != Purpose::Local);
    if scene.filter.host == Host::Kong && calls {
        let message = "settings in kong.conf determine whether Kong verifies the servers that the filter calls; set \
                       nginx_wasm_tls_verify_cert, nginx_wasm_tls_verify_host and nginx_wasm_tls_trusted_certificate";
        let name = Some(scene.filter.name());
        let place = scene.filter.plugin.place();
        findings.add(&ids::KONG_TLS_NOT_VISIBLE, place, name, message);
    }
}

fn gather<'g>(value: &'g Value, at: &str, purpose: Purpose, found: &mut Vec<Callout<'g>>) {
    match value {
        Value::Object(members) => {
            // Data that is sent with a secret must reach the intended server.
            let sends = ["auth", "headers"]
                .iter()
                .any(|name| value.get(name).is_some_and(|member| !member.is_null()));
            let purpose = if purpose == Purpose::Feed && sends {
                Purpose::Secret
            } else {
                purpose
            };
            for (name, member) in members {
                let inside = path::member(at, name);
                match member {
                    Value::String(cluster) if name == "cluster" || name == "keys_cluster" => {
                        found.push(Callout {
                            at: inside,
                            cluster,
                            purpose,
                            settings: value,
                            parent: at.to_owned(),
                        });
                    }
                    member => gather(member, &inside, purpose_of(name, purpose), found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, &path::item(at, index), purpose, found);
            }
        }
        _ => {}
    }
}

fn purpose_of(member: &str, outer: Purpose) -> Purpose {
    match member {
        "jwks" => Purpose::Keys,
        "credentials" | "auth" | "graph" => Purpose::Secret,
        // The metadata service of the machine has no TLS.
        "managed_identity" => Purpose::Local,
        _ => outer,
    }
}

fn cluster(scene: &Scene<'_>, callout: &Callout<'_>, known: &Known, findings: &mut Findings) {
    let name = callout.cluster;
    match known {
        Known::Defined { trust, place } => {
            trust::judge(
                scene.filter.host,
                *trust,
                callout.purpose,
                name,
                place,
                findings,
            );
        }
        Known::Missing { known } => {
            let other = match known.is_empty() {
                true => String::new(),
                false => format!(", or use one of {}", known.join(", ")),
            };
            let message = format!(
                "no cluster is named {name:?} in these files, so its calls fail; add it{other}"
            );
            let place = scene.at(&callout.at);
            findings.add_inside(&ids::CLUSTER_MISSING, place, Some(name), message);
        }
        Known::Unseen
            if scene.filter.host != Host::Unknown && callout.purpose != Purpose::Local =>
        {
            let message = format!(
                "the TLS settings of cluster {name:?} are not in these files; include the file that has them in the \
                 same call"
            );
            let place = scene.at(&callout.at);
            findings.add_inside(&ids::CLUSTER_NOT_VISIBLE, place, Some(name), message);
        }
        Known::Unseen => {}
    }
}

/// On Kong the scheme of the URI determines whether TLS is used, on other hosts the cluster does. An http:// URI is
/// reported on every host, since it hides that the cluster must have TLS.
fn uris(scene: &Scene<'_>, callout: &Callout<'_>, known: &Known, findings: &mut Findings) {
    let local = matches!(
        known,
        Known::Defined {
            trust: Trust::Local,
            ..
        }
    );
    // The mesh encrypts the connections to its own services.
    let in_mesh = matches!(known, Known::Unseen) && istio::service_of(callout.cluster).is_some();
    if callout.purpose == Purpose::Local || local || in_mesh {
        return;
    }
    for member in ["uri", "discovery"] {
        let uri = callout.settings.get(member).and_then(Value::as_str);
        let Some(authority) = uri.and_then(|uri| uri.strip_prefix("http://")) else {
            continue;
        };
        let authority = authority.split(['/', '?']).next().unwrap_or_default();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        if is_local_host(host) {
            continue;
        }
        let (kind, lost) = match callout.purpose {
            Purpose::Keys => (&ids::URI_WITHOUT_TLS, "replace the keys"),
            Purpose::Feed => (&ids::FEED_URI_WITHOUT_TLS, "read and change what is sent"),
            _ => (&ids::URI_WITHOUT_TLS, "read the secret"),
        };
        let message = format!(
            "is not https, and without TLS anyone on the network can {lost}; write https://, and give the cluster TLS"
        );
        let place = scene.at(&path::member(&callout.parent, member));
        findings.add_inside(kind, place, Some(callout.cluster), message);
    }
}
