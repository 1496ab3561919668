//! The containers that run the proxy, with their environment and arguments.

use super::node::Node;
use super::{Deployment, name_of};

/// The containers of a Pod, of a workload's template, or of a Compose file.
fn containers<'d>(resource: &Node<'d>) -> Vec<Node<'d>> {
    let pod = resource
        .at(&["spec", "template", "spec"])
        .or_else(|| resource.get("spec"));
    let of_pod = pod.map(|pod| pod.list("containers")).unwrap_or_default();
    if !of_pod.is_empty() {
        return of_pod;
    }
    let services = resource.get("services").map(|services| services.members());
    let services = services.into_iter().flatten().map(|(_, service)| service);
    services
        .filter(|service| service.get("image").is_some())
        .collect()
}

/// Whether a workload mounts a ConfigMap.
fn mounts(resource: &Node<'_>, config_map: &str) -> bool {
    let pod = resource
        .at(&["spec", "template", "spec"])
        .or_else(|| resource.get("spec"));
    let volumes = pod.map(|pod| pod.list("volumes")).unwrap_or_default();
    volumes.iter().any(|volume| {
        let map = volume.get("configMap");
        let secret = volume.get("secret");
        let names = [
            map.and_then(|map| map.text("name")),
            secret.and_then(|secret| secret.text("secretName")),
        ];
        names.contains(&Some(config_map))
    })
}

/// The containers that read a ConfigMap.
pub fn readers<'d>(deployment: &'d Deployment, config_map: &str) -> Vec<Node<'d>> {
    let workloads = deployment.roots().filter(|root| mounts(root, config_map));
    workloads.flat_map(|root| containers(&root)).collect()
}

/// Whether the container's environment has a variable; `None` if this is unknown.
pub fn has_variable(container: &Node<'_>, name: &str) -> Option<bool> {
    if container.get("envFrom").is_some() {
        return None;
    }
    let variables = container.list("env");
    Some(
        variables
            .iter()
            .any(|variable| variable.text("name") == Some(name)),
    )
}

/// The container that Envoy Gateway starts.
pub fn gateway_containers(deployment: &Deployment) -> Vec<Node<'_>> {
    let proxies = deployment.resources("EnvoyProxy");
    let path = [
        "spec",
        "provider",
        "kubernetes",
        "envoyDeployment",
        "container",
    ];
    proxies.iter().filter_map(|proxy| proxy.at(&path)).collect()
}

/// The level of Envoy's wasm logger according to its arguments.
#[derive(Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Info or a more verbose level.
    Info,
    /// Warning or a less verbose level.
    Less,
}

pub fn is_info(level: &str) -> bool {
    matches!(level, "info" | "debug" | "trace")
}

/// The first list of arguments that sets a level, and the level.
pub fn level_of_arguments(deployment: &Deployment) -> Option<(Node<'_>, LogLevel)> {
    let all = deployment.roots().flat_map(|root| containers(&root));
    all.flat_map(|container| [container.get("args"), container.get("command")])
        .flatten()
        .find_map(|arguments| {
            let level = level(&words(&arguments))?;
            Some((arguments, level))
        })
}

/// The words of a list of arguments, or of a shell command line.
fn words<'d>(arguments: &Node<'d>) -> Vec<&'d str> {
    let items = arguments.value.as_array().into_iter().flatten();
    let texts = items
        .chain([arguments.value])
        .filter_map(|item| item.as_str());
    texts.flat_map(str::split_whitespace).collect()
}

/// The level of the wasm logger in Envoy's arguments.
pub fn level(words: &[&str]) -> Option<LogLevel> {
    let value = |names: [&str; 2]| {
        words.iter().enumerate().find_map(|(index, word)| {
            let (name, joined) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (*word, None),
            };
            let next = || words.get(index + 1).copied();
            names.contains(&name).then(|| joined.or_else(next))?
        })
    };
    let component = value(["--component-log-level", "--componentLogLevel"]);
    let component = component.and_then(wasm_level);
    let general = value(["--log-level", "-l"]);
    let level = component.or(general)?;
    Some(if is_info(level) {
        LogLevel::Info
    } else {
        LogLevel::Less
    })
}

/// The level of the wasm logger in `upstream:debug,wasm:info`.
pub fn wasm_level(levels: &str) -> Option<&str> {
    let mut pairs = levels.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.find_map(|(name, level)| (name.trim() == "wasm").then_some(level.trim()))
}

/// The name of the resource that contains a node.
pub fn resource_of<'d>(node: &Node<'d>) -> &'d str {
    name_of(&node.document.root())
}
