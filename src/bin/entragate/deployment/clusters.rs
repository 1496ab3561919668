//! Clusters by name, in the configuration format of every host.

use super::filters::{Filter, Host};
use super::node::Node;
use super::tls::{self, Trust};
use super::{Deployment, Place, istio, kong};

/// The settings of a cluster in these files.
#[derive(Clone, Debug)]
pub enum Known {
    Defined {
        trust: Trust,
        place: Place,
    },
    /// These files have all clusters, but not this one.
    Missing {
        known: Vec<String>,
    },
    /// The cluster may be defined elsewhere.
    Unseen,
}

/// Looks up a cluster that the filter names.
pub fn look_up(name: &str, filter: &Filter<'_>, deployment: &Deployment) -> Known {
    if filter.host == Host::Kong {
        return kong::of_authority(name);
    }
    let all = all(deployment);
    let is_same = |node: &&Node<'_>| std::ptr::eq(node.document, filter.document());
    let named = |node: &&Node<'_>| node.text("name") == Some(name);
    let near = all.iter().filter(is_same).find(named);
    if let Some(cluster) = near.or_else(|| all.iter().find(named)) {
        return Known::Defined {
            trust: tls::of_cluster(cluster, deployment),
            place: cluster.place(),
        };
    }
    if let Some((host, port)) = istio::service_of(name) {
        return istio::of_service(host, port, deployment);
    }
    if filter.host == Host::Envoy && is_complete(filter, deployment) {
        let names = all.iter().filter_map(|cluster| cluster.text("name"));
        return Known::Missing {
            known: names.map(str::to_owned).collect(),
        };
    }
    Known::Unseen
}

/// All clusters in Envoy's own format.
fn all(deployment: &Deployment) -> Vec<Node<'_>> {
    let fixed = deployment
        .roots()
        .filter_map(|root| root.get("static_resources"))
        .flat_map(|fixed| fixed.list("clusters"));
    let discovered = deployment.discovered("Cluster").into_iter();
    let patched = deployment
        .resources("EnvoyPatchPolicy")
        .into_iter()
        .filter_map(|policy| policy.get("spec"))
        .flat_map(|spec| spec.list("jsonPatches"))
        .filter(|patch| {
            patch
                .text("type")
                .is_some_and(|kind| kind.ends_with(".Cluster"))
        })
        .filter_map(|patch| patch.at(&["operation", "value"]));
    let added = deployment
        .resources("EnvoyFilter")
        .into_iter()
        .filter_map(|filter| filter.get("spec"))
        .flat_map(|spec| spec.list("configPatches"))
        .filter(|patch| patch.text("applyTo") == Some("CLUSTER"))
        .filter_map(|patch| patch.at(&["patch", "value"]));
    let clusters = fixed.chain(discovered).chain(patched).chain(added);
    clusters.filter(|node| node.get("name").is_some()).collect()
}

/// Whether the files have all clusters of the filter's Envoy.
fn is_complete(filter: &Filter<'_>, deployment: &Deployment) -> bool {
    let bootstraps = deployment.roots().filter(|root| {
        root.get("static_resources").is_some() || root.get("dynamic_resources").is_some()
    });
    let dynamic = |root: Node<'_>| root.at(&["dynamic_resources", "cds_config"]).is_some();
    let document = filter.document().root();
    document.get("static_resources").is_some() && !bootstraps.into_iter().any(dynamic)
}
