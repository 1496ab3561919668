//! Kong: the service behind the filter.

use super::clusters::Known;
use super::filters::Filter;
use super::node::Node;
use super::tls::{Trust, is_local_host};
use super::{Deployment, Place};

/// The service that a filter chain belongs to.
pub fn service<'d>(filter: &Filter<'d>, deployment: &'d Deployment) -> Option<Node<'d>> {
    let mut nearest = filter.way.iter().rev();
    let around = nearest.find(|node| node.get("url").is_some() || node.get("host").is_some());
    if let Some(service) = around {
        return Some(service.clone());
    }
    // A filter chain outside the services names its service.
    let chain = filter.around("filters")?;
    let named = chain.get("service")?;
    let name = named.value.as_str().or_else(|| named.text("name"))?;
    let mut services = deployment.roots().flat_map(|root| root.list("services"));
    services.find(|service| service.text("name") == Some(name))
}

/// The connections to a service.
pub fn trust(service: &Node<'_>) -> Trust {
    let url = service.text("url").and_then(|url| url.split_once("://"));
    let protocol = url.map(|(scheme, _)| scheme);
    let protocol = protocol
        .or_else(|| service.text("protocol"))
        .unwrap_or("http");
    let host = url
        .map(|(_, rest)| host_of(rest))
        .or_else(|| service.text("host"));
    if host.is_some_and(is_local_host) {
        return Trust::Local;
    }
    if !matches!(protocol, "https" | "grpcs" | "tls" | "wss") {
        return Trust::Plain;
    }
    // Without `ca_certificates` Kong uses the CAs of nginx; if there are none, every handshake fails.
    if service.is_true("tls_verify") {
        Trust::Verified
    } else {
        Trust::AnyCertificate
    }
}

fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// A callout's `host:port`: the scheme of its URI determines whether TLS is used, and kong.conf whether certificates
/// are verified.
pub fn of_authority(authority: &str) -> Known {
    let trust = if is_local_host(host_of(authority)) {
        Trust::Local
    } else {
        Trust::Unseen
    };
    Known::Defined {
        trust,
        place: Place {
            file: String::new(),
            path: String::new(),
            line: None,
        },
    }
}
