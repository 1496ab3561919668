//! Envoy Gateway: the connections to backends that its resources define.

use super::clusters::Known;
use super::node::Node;
use super::tls::{Trust, is_local_host};
use super::{Deployment, name_of};

/// A backend of a route.
#[derive(Debug)]
pub struct Backend<'d> {
    pub reference: Node<'d>,
    pub name: String,
    pub known: Known,
}

/// The backends of all routes, including mirrors. Services inside the Kubernetes cluster are omitted.
pub fn backends(deployment: &Deployment) -> Vec<Backend<'_>> {
    let mut found = Vec::new();
    let kinds = ["HTTPRoute", "GRPCRoute"];
    let routes = kinds.iter().flat_map(|kind| deployment.resources(kind));
    for rule in routes
        .filter_map(|route| route.get("spec"))
        .flat_map(|spec| spec.list("rules"))
    {
        let filters = rule.list("filters");
        let mirrors = filters
            .iter()
            .filter_map(|filter| filter.at(&["requestMirror", "backendRef"]));
        for reference in rule.list("backendRefs").into_iter().chain(mirrors) {
            let Some(name) = reference.text("name") else {
                continue;
            };
            if reference.text("kind") == Some("Backend") {
                found.push(Backend {
                    known: look_up(name, deployment),
                    name: name.to_owned(),
                    reference,
                });
            }
        }
    }
    found
}

fn look_up(name: &str, deployment: &Deployment) -> Known {
    let backends = deployment.resources("Backend");
    let Some(backend) = backends.iter().find(|own| name_of(own) == name) else {
        return Known::Unseen;
    };
    Known::Defined {
        trust: trust(backend, name, deployment),
        place: backend
            .at(&["spec", "tls"])
            .or_else(|| backend.at(&["spec", "endpoints"]))
            .map_or_else(|| backend.place(), |node| node.place()),
    }
}

fn trust(backend: &Node<'_>, name: &str, deployment: &Deployment) -> Trust {
    if is_inside(backend) {
        return Trust::Local;
    }
    if let Some(tls) = backend.at(&["spec", "tls"]) {
        let authority = ["wellKnownCACertificates", "caCertificateRefs"]
            .iter()
            .any(|name| tls.get(name).is_some());
        return if tls.is_true("insecureSkipVerify") {
            Trust::AnyCertificate
        } else if authority || has_policy(name, deployment) {
            Trust::Verified
        } else {
            Trust::AnyCertificate
        };
    }
    if has_policy(name, deployment) {
        Trust::Verified
    } else {
        Trust::Plain
    }
}

/// Whether a BackendTLSPolicy applies to the backend. This policy always has a host name and certificate authorities.
fn has_policy(name: &str, deployment: &Deployment) -> bool {
    let policies = deployment.resources("BackendTLSPolicy");
    let targets = policies
        .iter()
        .filter_map(|policy| policy.get("spec"))
        .flat_map(|spec| spec.list("targetRefs"));
    let mut named = targets.filter(|target| target.text("name") == Some(name));
    named.any(|target| target.text("kind") == Some("Backend"))
}

/// Whether all endpoints are on the machine or in the Kubernetes cluster.
fn is_inside(backend: &Node<'_>) -> bool {
    let endpoints = backend.get("spec").map(|spec| spec.list("endpoints"));
    let endpoints = endpoints.unwrap_or_default();
    let inside = |endpoint: &Node<'_>| {
        let ip = endpoint.get("ip").and_then(|ip| ip.text("address"));
        let name = endpoint.get("fqdn").and_then(|name| name.text("hostname"));
        endpoint.get("unix").is_some()
            || ip.is_some_and(is_local_host)
            || name.is_some_and(|name| name.ends_with(".svc.cluster.local"))
    };
    !endpoints.is_empty() && endpoints.iter().all(inside)
}
