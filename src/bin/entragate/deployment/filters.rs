//! Where entragate is configured in a deployment.

use super::node::Node;
use super::{Deployment, Document, Place};
use serde_json::Value;

/// One occurrence of the filter.
#[derive(Debug)]
pub struct Filter<'d> {
    /// The path of the plugin configuration; empty for a plugin configuration alone.
    pub place: String,
    pub configuration: Configuration,
    pub host: Host,
    /// Whether the plugin's settings are Envoy's `PluginConfig`, which patches also contain.
    pub is_plugin_config: bool,
    /// The host's settings of the plugin; for a plugin configuration alone, the configuration.
    pub plugin: Node<'d>,
    /// The nodes on the path from the document to the plugin, the document first.
    pub way: Vec<Node<'d>>,
    locator: Locator<'d>,
}

/// The format in which the plugin is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A plugin configuration alone.
    Unknown,
    /// A bootstrap, or an answer of a discovery service.
    Envoy,
    /// Istio's WasmPlugin or TrafficExtension.
    Istio,
    /// Istio's EnvoyFilter: the plugin's own settings have Envoy's format, and the settings around it Istio's.
    EnvoyFilter,
    EnvoyGateway,
    Kong,
}

/// The configuration as the host passes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Configuration {
    /// JSON text.
    Text(String),
    /// A structure, which arrives as JSON or as a protobuf Struct.
    Value(Value),
}

impl Configuration {
    /// The configuration's members, if it is valid JSON.
    pub fn members(&self) -> Option<Value> {
        match self {
            Self::Text(text) => entragate::json::parse_strict(text.trim().as_bytes()).ok(),
            Self::Value(value) => Some(value.clone()),
        }
    }
}

/// Finds the file and line of a path within the plugin configuration.
#[derive(Debug)]
enum Locator<'d> {
    Inside(Node<'d>),
    Embedded(Box<Document>),
}

impl<'d> Filter<'d> {
    /// The place of a path within the plugin configuration. The path stays relative to the
    /// configuration, as in the filter's own error messages.
    pub fn at(&self, path: &str) -> Place {
        let inner = match &self.locator {
            Locator::Embedded(document) => document.place(path),
            Locator::Inside(node) => {
                let whole = crate::document::path::join(&node.path, path);
                node.document.place(&whole)
            }
        };
        Place {
            path: path.to_owned(),
            ..inner
        }
    }

    /// The nearest settings around the plugin that have this member.
    pub fn around(&self, member: &str) -> Option<Node<'d>> {
        let mut nearest = self.way.iter().rev();
        nearest.find(|node| node.get(member).is_some()).cloned()
    }

    /// The name of the plugin in messages.
    pub fn name(&self) -> &'d str {
        let names = ["name", "pluginName", "root_id", "rootID"];
        let mut names = names.iter().filter_map(|name| self.plugin.text(name));
        names.find(|name| !name.is_empty()).unwrap_or("entragate")
    }

    pub fn document(&self) -> &'d Document {
        self.plugin.document
    }
}

/// Members that only a plugin configuration has at the top level.
const OWN_MEMBERS: [&str; 4] = ["issuers", "rules", "credentials", "token"];
/// Members that distinguish a deployment file from a mistyped plugin configuration.
const FOREIGN_MEMBERS: [&str; 8] = [
    "apiVersion",
    "kind",
    "static_resources",
    "admin",
    "services",
    "_format_version",
    "resources",
    "groups",
];

/// Finds all occurrences of entragate in the deployment. A single document that does not look like a deployment is
/// treated as a plugin configuration, so that its errors are reported.
pub fn find(deployment: &Deployment) -> Vec<Filter<'_>> {
    let only = deployment.documents.len() == 1;
    let mut filters = Vec::new();
    for root in deployment.roots() {
        let mut plugins = Vec::new();
        search(&mut vec![root.clone()], &mut plugins);
        let has = |names: &[&str]| names.iter().any(|name| root.value.get(name).is_some());
        let foreign = has(&FOREIGN_MEMBERS);
        // Other files of a directory may have members of the same names.
        let is_filter = if only {
            has(&OWN_MEMBERS)
        } else {
            is_ours(root.value)
        };
        if !foreign && (is_filter || (only && plugins.is_empty())) {
            filters.push(standalone(root));
        } else {
            let ours = plugins.into_iter().filter(|plugin| plugin.is_ours);
            filters.extend(ours.map(|plugin| plugin.filter));
        }
    }
    filters
}

fn standalone(root: Node<'_>) -> Filter<'_> {
    Filter {
        place: String::new(),
        configuration: Configuration::Value(root.value.clone()),
        host: Host::Unknown,
        is_plugin_config: false,
        plugin: root.clone(),
        way: Vec::new(),
        locator: Locator::Inside(root),
    }
}

/// Whether the members are those of an entragate configuration; other plugins also have `rules`.
fn is_ours(members: &Value) -> bool {
    let has = |name: &str| members.get(name).is_some();
    has("issuers") || (has("rules") && has("credentials"))
}

struct Plugin<'d> {
    filter: Filter<'d>,
    is_ours: bool,
}

/// `way` contains the nodes on the path from the document to the current node.
fn search<'d>(way: &mut Vec<Node<'d>>, found: &mut Vec<Plugin<'d>>) {
    let Some(node) = way.last().cloned() else {
        return;
    };
    if let Some(plugin) = plugin(way, &node) {
        found.push(plugin);
        return;
    }
    let members = node.members().into_iter().map(|(_, member)| member);
    for inner in members.chain(node.items()) {
        way.push(inner);
        search(way, found);
        way.pop();
    }
}

/// The node as a host's settings of a wasm plugin: Envoy's `PluginConfig`, the spec of Istio's
/// `WasmPlugin`, an entry of `wasm` in Envoy Gateway's `EnvoyExtensionPolicy`, or an entry of
/// `filters` in Kong.
fn plugin<'d>(way: &[Node<'d>], node: &Node<'d>) -> Option<Plugin<'d>> {
    let has = |name: &str| node.value.get(name).is_some();
    let text = |name: &str| {
        node.value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let names = ["name", "root_id", "rootId", "rootID", "pluginName", "url"];
    let is_named = names.iter().any(|name| text(name).contains("entragate"));
    let of_envoy = ["vm_config", "vmConfig", "root_id", "rootId"]
        .into_iter()
        .any(has);
    let in_filters = way.iter().any(|outer| outer.get("filters").is_some());
    let of_kong = has("name") && in_filters && node.value.get("config").is_some_and(is_ours);
    let member = match () {
        () if has("configuration") && of_envoy => "configuration",
        () if has("pluginConfig") => "pluginConfig",
        () if has("config") && (is_named || has("rootID") || of_kong) => "config",
        // Without a configuration the filter does not start, which must be reported as well.
        () if has("vm_config") && is_named => "configuration",
        () => return None,
    };
    let given = node.get(member);
    let (configuration, holder) = unwrap(given.as_ref());
    let locator = locator(&configuration, holder.unwrap_or_else(|| node.clone()));
    let is_ours = is_named || configuration.members().as_ref().is_some_and(is_ours);
    let place = node
        .document
        .place(&crate::document::path::member(&node.path, member));
    let filter = Filter {
        place: place.path,
        configuration,
        host: host(way, member),
        is_plugin_config: member == "configuration",
        plugin: node.clone(),
        way: way.to_vec(),
        locator,
    };
    Some(Plugin { filter, is_ours })
}

fn host(way: &[Node<'_>], member: &str) -> Host {
    let mut nearest = way.iter().rev();
    let kind = nearest.find_map(|node| node.text("kind"));
    match (kind, member) {
        (Some("EnvoyFilter"), _) => Host::EnvoyFilter,
        (Some("EnvoyExtensionPolicy" | "EnvoyPatchPolicy"), _) => Host::EnvoyGateway,
        (_, "configuration") => Host::Envoy,
        (_, "pluginConfig") => Host::Istio,
        _ if way.iter().any(|node| node.get("filters").is_some()) => Host::Kong,
        _ => Host::EnvoyGateway,
    }
}

/// Removes the `Any` that wraps a configuration in Envoy.
fn unwrap<'d>(given: Option<&Node<'d>>) -> (Configuration, Option<Node<'d>>) {
    let Some(given) = given else {
        return (Configuration::Text(String::new()), None);
    };
    let kind = given.value.get("@type").and_then(Value::as_str);
    let holder = given.get("value").filter(|_| kind.is_some());
    let holder = holder.unwrap_or_else(|| given.clone());
    let configuration = match (kind, holder.value) {
        (_, Value::String(text)) => Configuration::Text(text.clone()),
        (Some(kind), value) if kind.ends_with("google.protobuf.Struct") => {
            Configuration::Value(with_whole_numbers(value.clone()))
        }
        (_, value) => Configuration::Value(value.clone()),
    };
    (configuration, Some(holder))
}

fn locator<'d>(configuration: &Configuration, holder: Node<'d>) -> Locator<'d> {
    if let Configuration::Text(text) = configuration
        && let Ok(mut documents) = holder.document.embedded(&holder.path, text)
        && documents.len() == 1
        && let Some(document) = documents.pop()
    {
        return Locator::Embedded(Box::new(document));
    }
    Locator::Inside(holder)
}

/// A Struct has only doubles: `1.0` arrives as 1.
fn with_whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::from(float as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, with_whole_numbers(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests;
