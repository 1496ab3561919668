//! Whether Envoy verifies the peer of a cluster.

use super::Deployment;
use super::node::Node;

/// The verification of connections to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The peer's certificate and name are verified.
    Verified,
    /// The connection does not leave the machine, or the Kubernetes cluster.
    Local,
    /// The connection is not encrypted.
    Plain,
    /// Any certificate is accepted.
    AnyCertificate,
    /// A certificate for any name is accepted if a trusted authority issued it.
    AnyName,
    /// Older versions of the host do not verify this.
    ByVersion(&'static str),
    /// The settings are not in these files.
    Unseen,
}

/// The connections to a cluster of Envoy's configuration.
pub fn of_cluster(cluster: &Node<'_>, deployment: &Deployment) -> Trust {
    if is_local(cluster) {
        return Trust::Local;
    }
    let auto_san = auto_san(cluster);
    let Some(socket) = cluster.get("transport_socket") else {
        let matches = cluster.list("transport_socket_matches");
        let sockets = matches
            .iter()
            .filter_map(|entry| entry.get("transport_socket"));
        let worst = sockets.map(|socket| of_socket(&socket, auto_san, deployment));
        return worst
            .max_by_key(|trust| severity(*trust))
            .unwrap_or(Trust::Plain);
    };
    of_socket(&socket, auto_san, deployment)
}

fn severity(trust: Trust) -> u8 {
    match trust {
        Trust::Verified | Trust::Local => 0,
        Trust::Unseen | Trust::ByVersion(_) => 1,
        Trust::AnyName => 2,
        Trust::AnyCertificate => 3,
        Trust::Plain => 4,
    }
}

fn of_socket(socket: &Node<'_>, auto_san: bool, deployment: &Deployment) -> Trust {
    let Some(settings) = socket.get("typed_config") else {
        let is_tls = socket
            .text("name")
            .is_some_and(|name| name.ends_with("tls"));
        return if is_tls {
            Trust::AnyCertificate
        } else {
            Trust::Plain
        };
    };
    // A wrapper such as `tap` or `upstream_proxy_protocol`.
    if let Some(inner) = settings.get("transport_socket") {
        return of_socket(&inner, auto_san, deployment);
    }
    // QUIC.
    if let Some(inner) = settings.get("upstream_tls_context") {
        return of_context(&inner, auto_san, deployment);
    }
    if settings.is_message("UpstreamTlsContext") {
        of_context(&settings, auto_san, deployment)
    } else if settings.is_message("RawBuffer") {
        Trust::Plain
    } else {
        Trust::Unseen
    }
}

fn of_context(context: &Node<'_>, auto_san: bool, deployment: &Deployment) -> Trust {
    let auto_san = auto_san || context.is_true("auto_sni_san_validation");
    let Some(common) = context.get("common_tls_context") else {
        return Trust::AnyCertificate;
    };
    let mut parts = Vec::new();
    let mut references = Vec::new();
    parts.extend(common.get("validation_context"));
    references.extend(common.get("validation_context_sds_secret_config"));
    if let Some(combined) = common.get("combined_validation_context") {
        parts.extend(combined.get("default_validation_context"));
        references.extend(combined.get("validation_context_sds_secret_config"));
    }
    let mut unseen = common.get("custom_handshaker").is_some();
    for reference in references {
        match secret(&reference, deployment) {
            Some(context) => parts.push(context),
            None => unseen = true,
        }
    }
    let has = |names: &[&str]| {
        let given = |part: &Node<'_>| names.iter().any(|name| is_given(part, name));
        parts.iter().any(given)
    };
    if has(&["custom_validator_config"]) {
        return Trust::Unseen;
    }
    let untrusted = parts
        .iter()
        .any(|part| part.text("trust_chain_verification") == Some("ACCEPT_UNTRUSTED"));
    if has(&["verify_certificate_spki", "verify_certificate_hash"]) {
        return Trust::Verified;
    }
    let authorities = [
        "trusted_ca",
        "ca_certificate_provider_instance",
        "system_root_certs",
    ];
    let names = ["match_typed_subject_alt_names", "match_subject_alt_names"];
    if untrusted {
        Trust::AnyCertificate
    } else if unseen && !(has(&authorities) && (auto_san || has(&names))) {
        Trust::Unseen
    } else if !has(&authorities) {
        Trust::AnyCertificate
    } else if auto_san || has(&names) {
        Trust::Verified
    } else {
        Trust::AnyName
    }
}

/// Whether a member exists and is not an empty list.
fn is_given(part: &Node<'_>, name: &str) -> bool {
    part.get(name).is_some_and(|member| {
        member
            .value
            .as_array()
            .is_none_or(|items| !items.is_empty())
    })
}

/// The validation context of a static secret.
fn secret<'d>(reference: &Node<'d>, deployment: &'d Deployment) -> Option<Node<'d>> {
    let name = reference.text("name")?;
    let bootstraps = deployment.roots();
    let mut secrets = bootstraps
        .filter_map(|root| root.get("static_resources"))
        .flat_map(|fixed| fixed.list("secrets"));
    let secret = secrets.find(|secret| secret.text("name") == Some(name))?;
    secret.get("validation_context")
}

/// `auto_san_validation` in the cluster's HTTP options.
fn auto_san(cluster: &Node<'_>) -> bool {
    const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let extension = cluster.get("typed_extension_protocol_options");
    let extension = extension.and_then(|options| options.get(OPTIONS));
    let holders = extension.into_iter().chain([cluster.clone()]);
    holders
        .filter_map(|holder| holder.get("upstream_http_protocol_options"))
        .any(|options| options.is_true("auto_san_validation"))
}

/// Whether all endpoints are on this machine.
fn is_local(cluster: &Node<'_>) -> bool {
    let Some(assignment) = cluster.get("load_assignment") else {
        return false;
    };
    let endpoints: Vec<Node<'_>> = assignment
        .list("endpoints")
        .iter()
        .flat_map(|group| group.list("lb_endpoints"))
        .filter_map(|entry| entry.at(&["endpoint", "address"]))
        .collect();
    let local = |address: &Node<'_>| {
        let host = address
            .get("socket_address")
            .and_then(|socket| socket.text("address"));
        address.get("pipe").is_some() || host.is_some_and(is_local_host)
    };
    !endpoints.is_empty() && endpoints.iter().all(local)
}

/// Whether connections to a host stay on this machine.
pub fn is_local_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(std::net::IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}
