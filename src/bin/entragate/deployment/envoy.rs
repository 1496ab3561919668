//! Envoy: the connection manager around the filter, and its routes.

use super::Deployment;
use super::filters::{Filter, Host};
use super::node::Node;

/// The connection manager that runs the filter, if it is in the same document.
pub fn connection_manager<'d>(filter: &Filter<'d>) -> Option<Node<'d>> {
    let manager = filter.around("http_filters");
    manager.filter(|_| filter.host == Host::Envoy)
}

/// The entry of `http_filters` that holds the filter.
pub fn http_filter<'d>(filter: &Filter<'d>) -> Option<Node<'d>> {
    filter
        .around("typed_config")
        .filter(|entry| entry.get("name").is_some())
}

/// The route tables of the filter's connection manager.
pub fn route_tables<'d>(filter: &Filter<'d>, deployment: &'d Deployment) -> Vec<Node<'d>> {
    let Some(manager) = connection_manager(filter) else {
        return Vec::new();
    };
    let mut tables: Vec<Node<'d>> = manager.get("route_config").into_iter().collect();
    let name = manager
        .get("rds")
        .and_then(|rds| rds.text("route_config_name"));
    if let Some(name) = name {
        let discovered = deployment.discovered("RouteConfiguration").into_iter();
        tables.extend(discovered.filter(|table| table.text("name") == Some(name)));
    }
    tables
}

/// A route and what it is in.
#[derive(Clone, Debug)]
pub struct Route<'d> {
    pub table: Node<'d>,
    pub virtual_host: Node<'d>,
    pub route: Node<'d>,
}

impl<'d> Route<'d> {
    /// How messages call the route: its own name, else that of its virtual host.
    pub fn name(&self) -> Option<&'d str> {
        let named = |node: &Node<'d>| node.text("name").filter(|name| !name.is_empty());
        named(&self.route).or_else(|| named(&self.virtual_host))
    }

    /// What leads to an upstream; redirects and direct responses lead to none.
    pub fn action(&self) -> Option<Node<'d>> {
        self.route.get("route")
    }

    /// The clusters that get the request or a copy of it, and where they are named.
    pub fn clusters(&self) -> Vec<Node<'d>> {
        let Some(action) = self.action() else {
            return Vec::new();
        };
        let mut found: Vec<Node<'d>> = action.get("cluster").into_iter().collect();
        let weighted = action.get("weighted_clusters");
        let weighted = weighted.map(|weighted| weighted.list("clusters"));
        let weighted = weighted.into_iter().flatten();
        found.extend(weighted.filter_map(|cluster| cluster.get("name")));
        let holders = [&action, &self.virtual_host, &self.table];
        let mirrors = holders
            .iter()
            .flat_map(|holder| holder.list("request_mirror_policies"));
        found.extend(mirrors.filter_map(|mirror| mirror.get("cluster")));
        found
    }
}

/// All routes of those tables.
pub fn routes<'d>(tables: &[Node<'d>]) -> Vec<Route<'d>> {
    let mut found = Vec::new();
    for table in tables {
        for virtual_host in table.list("virtual_hosts") {
            let listed = virtual_host.list("routes");
            let matched = virtual_host.get("matcher").map(|matcher| {
                let mut actions = Vec::new();
                matcher.walk(&mut |node| {
                    if node.get("route").is_some() {
                        actions.push(node.clone());
                    }
                });
                actions
            });
            for route in listed.into_iter().chain(matched.into_iter().flatten()) {
                found.push(Route {
                    table: table.clone(),
                    virtual_host: virtual_host.clone(),
                    route,
                });
            }
        }
    }
    found
}
