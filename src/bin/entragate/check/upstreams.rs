//! The upstreams that get the Hugging Face credential.

use super::finding::Findings;
use super::ids;
use super::scene::{Scene, name};
use super::trust::{self, Purpose};
use crate::deployment::clusters::{self, Known};
use crate::deployment::filters::Host;
use crate::deployment::node::Node;
use crate::deployment::{envoy, gateway, istio, kong};
use serde_json::Value;

/// The places where the configuration names the clusters of requests.
const CLUSTERS: [(&str, &str); 3] = [
    ("credentials", "/clusters"),
    ("endpoints", "/clusters"),
    ("rules", "/match/clusters"),
];

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    patterns(scene, findings);
    if scene.items("credentials").is_empty() {
        return;
    }
    match scene.filter.host {
        Host::Envoy => {
            let tables = envoy::route_tables(scene.filter, scene.deployment);
            for route in envoy::routes(&tables) {
                for named in route.clusters() {
                    let Some(name) = named.value.as_str() else {
                        continue;
                    };
                    let known = clusters::look_up(name, scene.filter, scene.deployment);
                    report(scene, name, &named, &known, findings);
                }
            }
        }
        Host::Istio | Host::EnvoyFilter => {
            for (named, host, port) in istio::destinations(scene.deployment) {
                let known = istio::of_service(&host, port, scene.deployment);
                let inside = !host.contains('.') || host.ends_with(".local");
                if !inside {
                    report(
                        scene,
                        &istio::cluster_of(&host, port),
                        &named,
                        &known,
                        findings,
                    );
                }
            }
        }
        Host::EnvoyGateway => {
            for backend in gateway::backends(scene.deployment) {
                report(
                    scene,
                    &backend.name,
                    &backend.reference,
                    &backend.known,
                    findings,
                );
            }
        }
        Host::Kong => {
            if let Some(service) = kong::service(scene.filter, scene.deployment) {
                let name = service.text("name").unwrap_or("service");
                let trust = kong::trust(&service);
                let place = service.place();
                trust::judge(
                    scene.filter.host,
                    trust,
                    Purpose::Upstream,
                    name,
                    &place,
                    findings,
                );
            }
        }
        Host::Unknown => {}
    }
}

/// Reports patterns in `clusters` that match no cluster.
fn patterns(scene: &Scene<'_>, findings: &mut Findings) {
    for (list, member) in CLUSTERS {
        for (path, item) in scene.items(list) {
            let clusters = item.pointer(member).and_then(Value::as_array);
            for (index, pattern) in clusters.into_iter().flatten().enumerate() {
                let pattern = pattern.as_str().filter(|pattern| !pattern.contains('*'));
                let Some(pattern) = pattern else { continue };
                let known = clusters::look_up(pattern, scene.filter, scene.deployment);
                if let Known::Missing { known } = known {
                    let remedy = match known.is_empty() {
                        true => "add it".to_owned(),
                        false => format!("use one of {}", known.join(", ")),
                    };
                    let message = format!(
                        "no cluster is named {pattern:?} in these files, so nothing matches it; {remedy}"
                    );
                    let at = format!("{path}{}[{index}]", member.replace('/', "."));
                    let place = scene.at(&at);
                    findings.add_inside(&ids::CLUSTER_MISSING, place, name(item), message);
                }
            }
        }
    }
}

fn report(scene: &Scene<'_>, name: &str, named: &Node<'_>, known: &Known, findings: &mut Findings) {
    if !may_get_credential(scene, name) {
        return;
    }
    match known {
        Known::Defined { trust, place } => {
            trust::judge(
                scene.filter.host,
                *trust,
                Purpose::Upstream,
                name,
                place,
                findings,
            );
        }
        Known::Missing { .. } => {
            let message = format!(
                "no cluster is named {name:?} in these files, so requests to it fail; add it, or correct the name"
            );
            findings.add(&ids::CLUSTER_MISSING, named.place(), Some(name), message);
        }
        Known::Unseen => {
            let message = format!(
                "the TLS settings of {name:?} are not in these files; check the file that has them in the same \
                 call"
            );
            findings.add(
                &ids::CLUSTER_NOT_VISIBLE,
                named.place(),
                Some(name),
                message,
            );
        }
    }
}

/// Whether the configuration applies to a cluster; without `clusters`, it applies to all.
pub fn is_protected(scene: &Scene<'_>, cluster: &str) -> bool {
    let mut named = false;
    for (list, member) in CLUSTERS {
        for (_, item) in scene.items(list) {
            let patterns = item.pointer(member).and_then(Value::as_array);
            named |= patterns.is_some();
            let mut patterns = patterns.into_iter().flatten().filter_map(Value::as_str);
            if patterns.any(|pattern| matches(pattern, cluster)) {
                return true;
            }
        }
    }
    let credentials = scene.items("credentials");
    let free = |(_, credential): &(String, &Value)| credential.get("clusters").is_none();
    !named || credentials.iter().any(free)
}

/// A credential with `clusters` is sent to no other cluster.
fn may_get_credential(scene: &Scene<'_>, cluster: &str) -> bool {
    scene.items("credentials").iter().any(|(_, credential)| {
        let clusters = credential.get("clusters").and_then(Value::as_array);
        clusters.is_none_or(|clusters| {
            let mut patterns = clusters.iter().filter_map(Value::as_str);
            patterns.any(|pattern| matches(pattern, cluster))
        })
    })
}

/// Whether a pattern matches; `*` matches any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let rest = rest.trim_start_matches('*');
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| text.get(at..).is_some_and(|tail| matches(rest, tail)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_matches_any_text() {
        for (pattern, text, expected) in [
            ("hf", "hf", true),
            ("hf", "hf2", false),
            ("hf*", "hf-a.b", true),
            (
                "outbound|443||*.hf.cloud",
                "outbound|443||a.b.hf.cloud",
                true,
            ),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
