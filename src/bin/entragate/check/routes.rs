//! Routes that do not run the filter.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use super::upstreams::is_protected;
use crate::deployment::envoy::{self, Route};
use crate::deployment::filters::Host;
use crate::deployment::name_of;
use crate::deployment::node::Node;
use std::collections::BTreeSet;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let tables = envoy::route_tables(scene.filter, scene.deployment);
    let routes = envoy::routes(&tables);
    overrides(scene, &routes, findings);
    overrides_elsewhere(scene, findings);
}

/// The effect of an override of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Override {
    Disabled,
    Enabled,
    Replaced,
}

/// Returns the override of the filter at a level of the route table.
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
    // Routes to other upstreams on a shared gateway need no filter.
    let concerns_us = |route: &&Route<'_>| {
        let names = cluster_names(route);
        names.is_empty() || names.iter().any(|name| is_protected(scene, name))
    };
    let upstream = routes.iter().filter(|route| route.action().is_some());
    for route in upstream.filter(concerns_us) {
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
    // A cluster that gets the credential through one route must not be reachable without a decision through another.
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
            let message = "the filter does not support a configuration per route; remove the override, and use \
                           `match` in the rules";
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
