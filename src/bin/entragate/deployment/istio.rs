//! Istio: the connections to hosts that its resources define.

use super::Deployment;
use super::clusters::Known;
use super::node::Node;
use super::tls::Trust;

/// The host and port of a cluster that Istio creates: `outbound|443||login.example.com`.
pub fn service_of(cluster: &str) -> Option<(&str, u64)> {
    let mut parts = cluster.split('|');
    let (direction, port) = (parts.next()?, parts.next()?.parse().ok()?);
    let (_, host) = (parts.next()?, parts.next()?);
    (direction == "outbound" && parts.next().is_none()).then_some((host, port))
}

/// The name of the cluster that Istio creates for a host.
pub fn cluster_of(host: &str, port: u64) -> String {
    format!("outbound|{port}||{host}")
}

/// The connections to a host outside the mesh. The mesh's own TLS protects hosts inside.
pub fn of_service(host: &str, port: u64, deployment: &Deployment) -> Known {
    let entries = deployment.resources("ServiceEntry");
    let named = |entry: &&Node<'_>| {
        let hosts = entry.get("spec").map(|spec| spec.list("hosts"));
        let hosts = hosts.into_iter().flatten();
        let mut hosts = hosts.filter_map(|own| own.value.as_str());
        hosts.any(|own| covers(own, host))
    };
    let entry = entries.iter().find(named);
    let rules = deployment.resources("DestinationRule");
    let rule = rule_of(&rules, host);
    let of_rule = rule.as_ref().map(|rule| {
        let tls = rule.at(&["spec", "trafficPolicy", "tls"]);
        tls.map_or_else(|| rule.place(), |tls| tls.place())
    });
    let of_entry = || entry.and_then(|entry| Some(entry.at(&["spec", "hosts"])?.place()));
    let Some(place) = of_rule.or_else(of_entry) else {
        let inside = !host.contains('.') || host.ends_with(".svc") || host.ends_with(".local");
        if entries.is_empty() || inside {
            return Known::Unseen;
        }
        let names = entries
            .iter()
            .filter_map(|entry| entry.get("spec"))
            .flat_map(|spec| spec.list("hosts"));
        let names = names.filter_map(|own| own.value.as_str().map(str::to_owned));
        return Known::Missing {
            known: names.collect(),
        };
    };
    let location = entry.and_then(|entry| entry.at(&["spec", "location"]));
    let in_mesh = location.is_some_and(|location| *location.value == "MESH_INTERNAL");
    if in_mesh && rule.is_none() {
        return Known::Unseen;
    }
    Known::Defined {
        trust: trust(rule.as_ref(), entry, port),
        place,
    }
}

fn rule_of<'d>(rules: &[Node<'d>], host: &str) -> Option<Node<'d>> {
    let host_of = |rule: &Node<'d>| {
        rule.at(&["spec", "host"])
            .and_then(|node| node.value.as_str())
    };
    let exact = rules.iter().find(|rule| host_of(rule) == Some(host));
    let wild = || {
        rules
            .iter()
            .find(|rule| host_of(rule).is_some_and(|pattern| covers(pattern, host)))
    };
    exact.or_else(wild).cloned()
}

/// Whether a host name, or a wildcard such as `*.example.com`, matches a host.
fn covers(pattern: &str, host: &str) -> bool {
    let end = pattern.strip_prefix('*');
    pattern == host || end.is_some_and(|end| host.ends_with(end))
}

fn trust(rule: Option<&Node<'_>>, entry: Option<&Node<'_>>, port: u64) -> Trust {
    let Some(rule) = rule else {
        return Trust::Plain;
    };
    let policy = rule.at(&["spec", "trafficPolicy"]);
    let Some(policy) = policy else {
        return Trust::Plain;
    };
    let of_port = |setting: &Node<'_>| {
        let number = setting.at(&["port", "number"]);
        number.and_then(|number| number.value.as_u64()) == Some(port)
    };
    let ports = policy.list("portLevelSettings");
    let tls = ports.iter().find(|setting| of_port(setting));
    let tls = tls.and_then(|setting| setting.get("tls"));
    let Some(tls) = tls.or_else(|| policy.get("tls")) else {
        return Trust::Plain;
    };
    match tls.text("mode") {
        Some("ISTIO_MUTUAL") => return Trust::Verified,
        Some("SIMPLE" | "MUTUAL") => {}
        _ => return Trust::Plain,
    }
    if tls.is_true("insecureSkipVerify") {
        return Trust::AnyCertificate;
    }
    let names = entry.and_then(|entry| entry.get("spec"));
    let names = names
        .map(|spec| spec.list("subjectAltNames"))
        .unwrap_or_default();
    let named = !names.is_empty() || !tls.list("subjectAltNames").is_empty();
    let authority = ["caCertificates", "credentialName"]
        .iter()
        .any(|name| tls.get(name).is_some());
    match (authority, named) {
        (true, true) => Trust::Verified,
        (false, _) => Trust::ByVersion("caCertificates"),
        (true, false) => Trust::ByVersion("subjectAltNames"),
    }
}

/// The hosts that VirtualServices route to, including mirrors.
pub fn destinations(deployment: &Deployment) -> Vec<(Node<'_>, String, u64)> {
    let mut found = Vec::new();
    for service in deployment.resources("VirtualService") {
        let routes = service.get("spec").map(|spec| spec.list("http"));
        for route in routes.into_iter().flatten() {
            let weighted = route.list("route").into_iter().chain(route.list("mirrors"));
            let destinations = weighted.filter_map(|target| target.get("destination"));
            for destination in destinations.chain(route.get("mirror")) {
                let Some(host) = destination.text("host") else {
                    continue;
                };
                let port = destination.at(&["port", "number"]);
                let port = port.and_then(|port| port.value.as_u64()).unwrap_or(443);
                found.push((destination.clone(), host.to_owned(), port));
            }
        }
    }
    found
}
