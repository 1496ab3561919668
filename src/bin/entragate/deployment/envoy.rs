//! Envoy: the connection manager around the filter, and its routes.

use super::Deployment;
use super::filters::{Filter, Host};
use super::node::Node;

/// The connection manager that runs the filter: it contains the filter, or discovers it by name.
pub fn connection_manager<'d>(filter: &Filter<'d>, deployment: &'d Deployment) -> Option<Node<'d>> {
    if filter.host != Host::Envoy {
        return None;
    }
    filter.around("http_filters").or_else(|| {
        let entry = http_filter(filter)?;
        let name = entry.text("name")?;
        let mut found = None;
        for root in deployment.roots() {
            root.walk(&mut |node| {
                let filters = node.list("http_filters");
                let mut filters = filters.iter();
                let discovers = filters.any(|entry| {
                    entry.text("name") == Some(name) && entry.get("config_discovery").is_some()
                });
                if discovers {
                    found = Some(node.clone());
                }
            });
        }
        found
    })
}

/// The entry of `http_filters` that holds the filter.
pub fn http_filter<'d>(filter: &Filter<'d>) -> Option<Node<'d>> {
    filter
        .around("typed_config")
        .filter(|entry| entry.get("name").is_some())
}

/// The route tables of the filter's connection manager.
pub fn route_tables<'d>(filter: &Filter<'d>, deployment: &'d Deployment) -> Vec<Node<'d>> {
    let Some(manager) = connection_manager(filter, deployment) else {
        return Vec::new();
    };
    let mut tables = Vec::new();
    let mut names = Vec::new();
    manager.walk(&mut |node| {
        if node.get("virtual_hosts").is_some() {
            tables.push(node.clone());
        }
        names.extend(node.text("route_config_name"));
        names.extend(node.text("route_configuration_name"));
    });
    let discovered = deployment.discovered("RouteConfiguration").into_iter();
    tables.extend(
        discovered.filter(|table| table.text("name").is_some_and(|name| names.contains(&name))),
    );
    tables
}

/// A route, and the virtual host and table that contain it.
#[derive(Clone, Debug)]
pub struct Route<'d> {
    pub table: Node<'d>,
    pub virtual_host: Node<'d>,
    pub route: Node<'d>,
}

impl<'d> Route<'d> {
    /// The name of the route in messages: its own name, or that of its virtual host.
    pub fn name(&self) -> Option<&'d str> {
        let named = |node: &Node<'d>| node.text("name").filter(|name| !name.is_empty());
        named(&self.route).or_else(|| named(&self.virtual_host))
    }

    /// The route action, which names an upstream; redirects and direct responses have none.
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

/// All routes of the route tables.
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
