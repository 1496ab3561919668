//! Where in a document entragate is configured.

use serde_json::Value;
use std::collections::BTreeSet;

/// One use of the filter.
#[derive(Debug)]
pub struct Filter {
    /// Where it stands in the document; empty for a plugin configuration alone.
    pub place: String,
    pub configuration: Configuration,
    pub host: Host,
}

/// What stands around the configuration.
#[derive(Debug)]
pub enum Host {
    /// A plugin configuration alone.
    Unknown,
    Envoy(Box<Envoy>),
    /// Istio, Envoy Gateway or Kong.
    Other {
        plugin: Value,
        /// Whether a body comes before the decision: Kong always hands it over, and for the others
        /// some document of the file sets the flag.
        sets_flag: bool,
    },
}

/// Envoy's own settings around the filter; null where there are none.
#[derive(Debug)]
pub struct Envoy {
    /// `PluginConfig`.
    pub plugin: Value,
    pub connection_manager: Value,
    pub filter_chain: Value,
    pub listener: Value,
    /// Names of all clusters, where the file has them all.
    pub clusters: Option<BTreeSet<String>>,
}

/// A member of a protobuf message, which JSON may write in either case.
pub fn field<'v>(message: &'v Value, name: &str) -> Option<&'v Value> {
    let mut camel = String::new();
    for (index, word) in name.split('_').enumerate() {
        match word.chars().next() {
            Some(first) if index > 0 => {
                camel.extend(first.to_uppercase());
                camel.push_str(word.get(first.len_utf8()..).unwrap_or_default());
            }
            _ => camel.push_str(word),
        }
    }
    message.get(name).or_else(|| message.get(camel))
}

/// As the host would hand it over.
#[derive(Debug, PartialEq)]
pub enum Configuration {
    /// JSON text.
    Text(String),
    /// A structure, which arrives as JSON or as a protobuf Struct.
    Value(Value),
}

/// Members that only a plugin configuration has at its top.
const OWN_MEMBERS: [&str; 4] = ["issuers", "rules", "credentials", "token"];
/// Members that tell a deployment of something from a mistyped plugin configuration.
const FOREIGN_MEMBERS: [&str; 6] = [
    "apiVersion",
    "kind",
    "static_resources",
    "admin",
    "services",
    "_format_version",
];

/// All uses of entragate in the documents. A document that looks like no deployment is taken for a
/// plugin configuration, so that its errors are said.
pub fn find(documents: &[Value]) -> Vec<Filter> {
    let has =
        |document: &Value, names: &[&str]| names.iter().any(|name| document.get(name).is_some());
    let patched = documents.iter().any(|document| {
        document
            .to_string()
            .contains("\"allow_on_headers_stop_iteration\":true")
    });
    let mut filters = Vec::new();
    for document in documents {
        filters.extend(in_config_map(document));
        let mut plugins = Vec::new();
        search(&mut vec![document], String::new(), patched, &mut plugins);
        // A plugin alone is ours whatever its name; among several, the name decides.
        let only = plugins.len() == 1;
        plugins.retain(|plugin| only || plugin.is_named);
        let foreign = has(document, &FOREIGN_MEMBERS);
        let own = has(document, &OWN_MEMBERS) && !foreign;
        if own || (plugins.is_empty() && !foreign) {
            filters.push(Filter {
                place: String::new(),
                configuration: Configuration::Value(document.clone()),
                host: Host::Unknown,
            });
        } else {
            filters.extend(plugins.into_iter().map(|plugin| plugin.filter));
        }
    }
    filters
}

/// A ConfigMap holds files as texts; an `envoy.yaml` may be one of them.
fn in_config_map(document: &Value) -> Vec<Filter> {
    let is_map = document.get("kind").is_some_and(|kind| kind == "ConfigMap");
    let files = document
        .get("data")
        .filter(|_| is_map)
        .and_then(Value::as_object);
    let mut filters = Vec::new();
    for (name, text) in files.into_iter().flatten() {
        let documents = text
            .as_str()
            .and_then(|text| crate::document::read(text).ok());
        let inside = documents
            .map(|documents| find(&documents))
            .unwrap_or_default();
        // Any other file looks like a plugin configuration that is all wrong.
        filters.extend(
            inside
                .into_iter()
                .filter(|filter| !filter.place.is_empty())
                .map(|filter| Filter {
                    place: format!("data[{name:?}].{}", filter.place),
                    ..filter
                }),
        );
    }
    filters
}

struct Plugin {
    filter: Filter,
    is_named: bool,
}

/// `way`: the document, and what leads from it to where the search is.
fn search<'d>(way: &mut Vec<&'d Value>, at: String, patched: bool, found: &mut Vec<Plugin>) {
    let Some(value) = way.last().copied() else {
        return;
    };
    if let Some(plugin) = plugin(way, value, &at, patched) {
        found.push(plugin);
        return;
    }
    let mut enter = |inner: &'d Value, at: String| {
        way.push(inner);
        search(way, at, patched, found);
        way.pop();
    };
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let at = if at.is_empty() {
                    name.clone()
                } else {
                    format!("{at}.{name}")
                };
                enter(member, at);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                enter(item, format!("{at}[{index}]"));
            }
        }
        _ => {}
    }
}

/// The object as one host's configuration of a wasm plugin:
/// Envoy's `PluginConfig`, the spec of Istio's `WasmPlugin`, an entry of `wasm` in Envoy Gateway's
/// `EnvoyExtensionPolicy`, or of `filters` in Kong.
fn plugin(way: &[&Value], value: &Value, at: &str, patched: bool) -> Option<Plugin> {
    let has = |name: &str| value.get(name).is_some();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let names = ["name", "root_id", "rootId", "rootID", "pluginName", "url"];
    let is_named = names.iter().any(|name| text(name).contains("entragate"));
    let of_envoy = ["vm_config", "vmConfig", "root_id", "rootId"]
        .into_iter()
        .any(has);
    let (member, is_named) = match () {
        () if has("configuration") && of_envoy => ("configuration", is_named),
        () if has("pluginConfig") => ("pluginConfig", is_named),
        () if has("config") && (is_named || has("rootID")) => ("config", is_named),
        // Without any configuration the filter does not start: that is to be said, too.
        () if has("vm_config") && is_named => ("configuration", true),
        () => return None,
    };
    let filter = Filter {
        place: format!("{at}.{member}").trim_start_matches('.').to_owned(),
        configuration: unwrap(value.get(member)),
        host: match member {
            "configuration" => Host::Envoy(Box::new(envoy(way, value))),
            _ => Host::Other {
                plugin: value.clone(),
                sets_flag: patched || at.contains("filter_chains"),
            },
        },
    };
    Some(Plugin { filter, is_named })
}

/// Takes off the `Any` that Envoy wraps a configuration in.
fn unwrap(configuration: Option<&Value>) -> Configuration {
    let Some(configuration) = configuration else {
        return Configuration::Text(String::new());
    };
    let kind = configuration.get("@type").and_then(Value::as_str);
    match (kind, configuration.get("value").unwrap_or(configuration)) {
        (_, Value::String(text)) => Configuration::Text(text.clone()),
        (Some(kind), value) if kind.ends_with("google.protobuf.Struct") => {
            Configuration::Value(with_whole_numbers(value.clone()))
        }
        (_, value) if kind.is_some() => Configuration::Value(value.clone()),
        _ => Configuration::Value(configuration.clone()),
    }
}

/// A Struct knows doubles only: `1.0` arrives as 1.
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

fn envoy(way: &[&Value], plugin: &Value) -> Envoy {
    let around = |member: &str| {
        let holder = way
            .iter()
            .rev()
            .find(|value| field(value, member).is_some());
        holder.map_or(Value::Null, |holder| (*holder).clone())
    };
    Envoy {
        plugin: plugin.clone(),
        connection_manager: around("http_filters"),
        filter_chain: around("filters"),
        listener: around("filter_chains"),
        clusters: way.first().and_then(|document| clusters(document)),
    }
}

/// The names of a bootstrap's clusters, unless some come from elsewhere.
fn clusters(bootstrap: &Value) -> Option<BTreeSet<String>> {
    let elsewhere =
        field(bootstrap, "dynamic_resources").and_then(|more| field(more, "cds_config"));
    let fixed = field(bootstrap, "static_resources")?;
    if elsewhere.is_some() {
        return None;
    }
    let clusters = field(fixed, "clusters").and_then(Value::as_array);
    let names = clusters
        .into_iter()
        .flatten()
        .filter_map(|cluster| cluster.get("name")?.as_str());
    Some(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn only(document: Value) -> Filter {
        let mut filters = find(&[document]);
        assert_eq!(filters.len(), 1, "{filters:?}");
        filters.remove(0)
    }

    #[test]
    fn finds_envoy_s() {
        let wrapped = |configuration: Value| {
            json!({"static_resources": {"listeners": [{"filters": [
                {"name": "other", "typed_config": {"config": {"name": "else", "vm_config": {}, "configuration": {}}}},
                {"name": "entragate", "typed_config": {"config": {
                    "root_id": "entragate", "vm_config": {}, "configuration": configuration, "failure_policy": "FAIL_OPEN",
                }}},
            ]}]}})
        };
        let filter = only(wrapped(json!({
            "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "{\"issuers\":[]}",
        })));
        assert_eq!(
            filter.configuration,
            Configuration::Text("{\"issuers\":[]}".into())
        );
        assert_eq!(
            filter.place,
            "static_resources.listeners[0].filters[1].typed_config.config.configuration"
        );
        let Host::Envoy(envoy) = &filter.host else {
            panic!("{filter:?}")
        };
        assert_eq!(envoy.plugin["failure_policy"], "FAIL_OPEN");
        assert!(envoy.clusters.as_ref().unwrap().is_empty());
        let filter = only(wrapped(json!({
            "@type": "type.googleapis.com/google.protobuf.Struct", "value": {"token": {"max_bytes": 5.0}},
        })));
        assert_eq!(
            filter.configuration,
            Configuration::Value(json!({"token": {"max_bytes": 5}}))
        );
    }

    #[test]
    fn finds_those_of_istio_envoy_gateway_and_kong() {
        let config = json!({"issuers": []});
        for (document, place) in [
            (
                json!({"apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
                    "spec": {"url": "oci://x/gate", "pluginConfig": config}}),
                "spec.pluginConfig",
            ),
            (
                json!({"kind": "EnvoyExtensionPolicy", "spec": {"wasm": [
                    {"name": "a", "rootID": "b", "config": {}}, {"name": "entragate", "config": config}]}}),
                "spec.wasm[1].config",
            ),
            (
                json!({"_format_version": "3.0", "services": [{"name": "hf", "filter_chains": [{"filters": [
                    {"name": "entragate", "config": config}]}]}]}),
                "services[0].filter_chains[0].filters[0].config",
            ),
        ] {
            let filter = only(document);
            assert_eq!(filter.place, place);
            assert_eq!(filter.configuration, Configuration::Value(config.clone()));
        }
    }

    #[test]
    fn tells_deployments_from_configurations() {
        assert_eq!(
            only(json!({"issuers": [], "x": {"pluginConfig": {}}})).place,
            ""
        );
        assert_eq!(only(json!({"isuers": []})).place, "");
        assert!(find(&[json!({"kind": "Service", "spec": {}})]).is_empty());
        assert!(find(&[json!({"static_resources": {}})]).is_empty());
        assert!(find(&[json!({"kind": "ClusterRole", "rules": []})]).is_empty());
        let missing = only(json!({"admin": {}, "x": {"name": "entragate", "vm_config": {}}}));
        assert_eq!(missing.configuration, Configuration::Text(String::new()));
        assert_eq!(
            find(&[
                json!({"kind": "Service"}),
                json!({"rules": []}),
                json!({"rules": []})
            ])
            .len(),
            2
        );
    }
}
