//! Routes that are chosen by a header that the filter sets or removes.

use super::finding::Findings;
use super::ids;
use super::scene::{Scene, text};
use crate::deployment::envoy::{self, Route};
use crate::deployment::filters::Host;
use crate::deployment::name_of;
use crate::deployment::node::Node;
use entragate::forward::strip::NEVER_FORWARDED;
use serde_json::Value;
use std::collections::BTreeSet;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let tables = envoy::route_tables(scene.filter, scene.deployment);
    let routes = envoy::routes(&tables);
    let set = headers(scene);
    for table in &tables {
        for (node, header) in matched_headers(table) {
            let named = route_name(&routes, &node);
            report(&set, &node, &header, named.as_deref(), findings);
        }
    }
    if matches!(scene.filter.host, Host::Istio | Host::EnvoyFilter) {
        for service in scene.deployment.resources("VirtualService") {
            for (node, header) in istio_headers(&service) {
                report(&set, &node, &header, Some(name_of(&service)), findings);
            }
        }
    }
    if scene.filter.host == Host::EnvoyGateway {
        let kinds = ["HTTPRoute", "GRPCRoute"];
        for route in kinds
            .iter()
            .flat_map(|kind| scene.deployment.resources(kind))
        {
            for (node, header) in gateway_headers(&route) {
                report(&set, &node, &header, Some(name_of(&route)), findings);
            }
        }
    }
}

/// The headers that the filter sets or removes.
fn headers(scene: &Scene<'_>) -> BTreeSet<String> {
    const ALSO_CHANGED: [&str; 3] = ["traceparent", "tracestate", "accept-encoding"];
    let always = NEVER_FORWARDED.into_iter().chain(ALSO_CHANGED);
    let mut names: BTreeSet<String> = always.map(str::to_owned).collect();
    let token = scene
        .given
        .pointer("/token/headers")
        .and_then(Value::as_array);
    let token = token.into_iter().flatten();
    names.extend(
        token.filter_map(|header| {
            Some(text(header, "name")?.to_ascii_lowercase().replace('_', "-"))
        }),
    );
    let identity = scene.given.pointer("/forward/identity_headers");
    let identity = identity.and_then(Value::as_object).into_iter().flatten();
    names.extend(identity.map(|(name, _)| name.to_ascii_lowercase().replace('_', "-")));
    names
}

fn report(
    set: &BTreeSet<String>,
    node: &Node<'_>,
    header: &str,
    route: Option<&str>,
    findings: &mut Findings,
) {
    let header = header.to_ascii_lowercase();
    // Hosts may treat an underscore as a hyphen.
    if set.contains(&header.replace('_', "-")) {
        let message = format!(
            "the route depends on the header {header:?}, which the filter sets or removes; Envoy chooses the route \
             again after that, and the request may go to an upstream that the decision does not allow; match on \
             something else"
        );
        findings.add(
            &ids::ROUTE_MATCHES_FILTER_HEADER,
            node.place(),
            route,
            message,
        );
    }
}

/// The headers by which a route table of Envoy chooses routes and clusters.
fn matched_headers<'d>(table: &Node<'d>) -> Vec<(Node<'d>, String)> {
    let mut found = Vec::new();
    table.walk(&mut |node| {
        let matched = node.get("match").map(|matched| matched.list("headers"));
        for header in matched.into_iter().flatten() {
            found.extend(
                header
                    .text("name")
                    .map(|name| (header.clone(), name.to_owned())),
            );
        }
        let by_header = [
            node.get("cluster_header"),
            node.get("weighted_clusters")
                .and_then(|weighted| weighted.get("header_name")),
            node.get("header_name")
                .filter(|_| node.is_message("HttpRequestHeaderMatchInput")),
        ];
        for header in by_header.into_iter().flatten() {
            found.extend(
                header
                    .value
                    .as_str()
                    .map(|name| (header.clone(), name.to_owned())),
            );
        }
    });
    found
}

/// The name of the route that contains a node.
fn route_name(routes: &[Route<'_>], node: &Node<'_>) -> Option<String> {
    let holds = |route: &&Route<'_>| {
        std::ptr::eq(route.route.document, node.document)
            && node.path.starts_with(&format!("{}.", route.route.path))
    };
    Some(routes.iter().find(holds)?.name()?.to_owned())
}

fn istio_headers<'d>(service: &Node<'d>) -> Vec<(Node<'d>, String)> {
    let routes = service.get("spec").map(|spec| spec.list("http"));
    let matches = routes
        .into_iter()
        .flatten()
        .flat_map(|route| route.list("match"));
    let headers =
        matches.flat_map(|matched| [matched.get("headers"), matched.get("withoutHeaders")]);
    headers
        .flatten()
        .flat_map(|headers| headers.members())
        .map(|(name, node)| (node, name.to_owned()))
        .collect()
}

fn gateway_headers<'d>(route: &Node<'d>) -> Vec<(Node<'d>, String)> {
    let rules = route.get("spec").map(|spec| spec.list("rules"));
    let matches = rules
        .into_iter()
        .flatten()
        .flat_map(|rule| rule.list("matches"));
    let headers = matches.flat_map(|matched| matched.list("headers"));
    headers
        .filter_map(|header| Some((header.clone(), header.text("name")?.to_owned())))
        .collect()
}
