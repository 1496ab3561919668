//! Routes: whether they run the filter, and whether its header changes can lead elsewhere.

use super::finding::Findings;
use super::ids;
use super::scene::{Scene, text};
use crate::deployment::envoy::{self, Route};
use crate::deployment::filters::Host;
use crate::deployment::name_of;
use crate::deployment::node::Node;
use serde_json::Value;
use std::collections::BTreeSet;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let tables = envoy::route_tables(scene.filter, scene.deployment);
    let routes = envoy::routes(&tables);
    overrides(scene, &routes, findings);
    overrides_elsewhere(scene, findings);
    let set = headers(scene);
    for table in &tables {
        for (node, header) in matched_headers(table) {
            let named = route_name(&routes, &node);
            report_header(&set, &node, &header, named.as_deref(), findings);
        }
    }
    if matches!(scene.filter.host, Host::Istio | Host::EnvoyFilter) {
        for service in scene.deployment.resources("VirtualService") {
            for (node, header) in istio_headers(&service) {
                report_header(&set, &node, &header, Some(name_of(&service)), findings);
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
                report_header(&set, &node, &header, Some(name_of(&route)), findings);
            }
        }
    }
}

/// What an override of the filter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Override {
    Disabled,
    Enabled,
    Replaced,
}

/// The override of the filter at that level of the routes.
fn override_at<'d>(level: &Node<'d>, filter: &str) -> Option<(Node<'d>, Override)> {
    let overrides = level.get("typed_per_filter_config")?;
    let mut named = overrides.members().into_iter();
    let (_, entry) = named.find(|(name, _)| *name == filter)?;
    let state = if !entry.is_message("FilterConfig") {
        Override::Replaced
    } else if entry.is_true("disabled") {
        Override::Disabled
    } else {
        Override::Enabled
    };
    Some((entry, state))
}

fn overrides(scene: &Scene<'_>, routes: &[Route<'_>], findings: &mut Findings) {
    let Some(entry) = envoy::http_filter(scene.filter) else {
        return;
    };
    let filter = entry.text("name").unwrap_or_default();
    let by_default = entry.is_true("disabled");
    let mut enabled = BTreeSet::new();
    let mut left_out = Vec::new();
    for route in routes.iter().filter(|route| route.action().is_some()) {
        let action = route.action();
        let weighted = action
            .and_then(|action| action.get("weighted_clusters"))
            .map(|weighted| weighted.list("clusters"));
        for cluster in weighted.into_iter().flatten() {
            if let Some((node, state)) = override_at(&cluster, filter) {
                report_override(&node, state, route.name(), findings);
            }
        }
        let levels = [&route.route, &route.virtual_host, &route.table];
        let nearest = levels.iter().find_map(|level| override_at(level, filter));
        match nearest {
            Some((node, state)) if state != Override::Enabled => {
                report_override(&node, state, route.name(), findings);
            }
            None if by_default => left_out.push(route),
            _ => enabled.extend(cluster_names(route)),
        }
    }
    if !by_default || routes.is_empty() {
        return;
    }
    if enabled.is_empty() {
        let message = "the filter is disabled, and no route enables it, so no request is decided; remove \
                       `disabled: true`";
        findings.add(
            &ids::FILTER_DISABLED,
            entry.place_of("disabled"),
            Some(filter),
            message,
        );
    }
    // A cluster that gets the credential by one route must not be open by another.
    for route in left_out {
        let names = cluster_names(route);
        if let Some(cluster) = names.iter().find(|name| enabled.contains(*name)) {
            let message = format!(
                "the filter is disabled by default and this route does not enable it, but another route to \
                 cluster {cluster:?} does; enable it here, too"
            );
            findings.add(
                &ids::FILTER_DISABLED,
                route.route.place(),
                route.name(),
                message,
            );
        }
    }
}

fn cluster_names(route: &Route<'_>) -> Vec<String> {
    let clusters = route.clusters().into_iter();
    clusters
        .filter_map(|cluster| cluster.value.as_str().map(str::to_owned))
        .collect()
}

fn report_override(node: &Node<'_>, state: Override, name: Option<&str>, findings: &mut Findings) {
    match state {
        Override::Enabled => {}
        Override::Disabled => {
            let message = "the filter is disabled here, so requests reach the upstream without a decision and \
                           with the caller's own token; remove the override, and let an `anonymous` rule permit \
                           what needs no token";
            findings.add(&ids::FILTER_DISABLED, node.place(), name, message);
        }
        Override::Replaced => {
            let message = "the filter has no configuration per route; remove the override, and use `match` in \
                           the rules";
            findings.add(&ids::FILTER_CONFIG_PER_ROUTE, node.place(), name, message);
        }
    }
}

/// Overrides in patches of Istio and Envoy Gateway.
fn overrides_elsewhere(scene: &Scene<'_>, findings: &mut Findings) {
    if !matches!(
        scene.filter.host,
        Host::Istio | Host::EnvoyFilter | Host::EnvoyGateway
    ) {
        return;
    }
    let entry = envoy::http_filter(scene.filter);
    let own = entry.as_ref().and_then(|entry| entry.text("name"));
    for kind in ["EnvoyFilter", "EnvoyPatchPolicy"] {
        for resource in scene.deployment.resources(kind) {
            resource.walk(&mut |node| {
                let overrides = node.get("typed_per_filter_config");
                for (name, _) in overrides.iter().flat_map(|node| node.members()) {
                    let is_ours = Some(name) == own || name.contains("entragate");
                    if let Some((at, state)) = override_at(node, name).filter(|_| is_ours) {
                        report_override(&at, state, Some(name_of(&resource)), findings);
                    }
                }
            });
        }
    }
}

/// The headers that the filter sets or removes.
fn headers(scene: &Scene<'_>) -> BTreeSet<String> {
    const ALWAYS: [&str; 10] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "x-hf-bill-to",
        "x-scale-up-timeout",
        "traceparent",
        "tracestate",
        "accept-encoding",
    ];
    let mut names: BTreeSet<String> = ALWAYS.into_iter().map(str::to_owned).collect();
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

fn report_header(
    set: &BTreeSet<String>,
    node: &Node<'_>,
    header: &str,
    route: Option<&str>,
    findings: &mut Findings,
) {
    let header = header.to_ascii_lowercase();
    // Hosts may take an underscore for a hyphen.
    if set.contains(&header.replace('_', "-")) {
        let message = format!(
            "the route depends on the header {header:?}, which the filter sets or removes; Envoy chooses the route \
             again after that, and the request may go to another upstream than was decided; match on something else"
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

/// The name of the route that a node is in.
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
