//! Where in a document entragate is configured.

use serde_json::Value;

/// One use of the filter.
#[derive(Debug)]
pub struct Filter {
    /// Where it stands in the document; empty for a plugin configuration alone.
    pub place: String,
    pub configuration: Configuration,
    /// The setting by which the host would let requests pass once the filter has crashed.
    pub fails_open: Option<&'static str>,
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
    let mut filters = Vec::new();
    for document in documents {
        let mut plugins = Vec::new();
        search(document, String::new(), &mut plugins);
        // A plugin alone is ours whatever its name; among several, the name decides.
        let only = plugins.len() == 1;
        plugins.retain(|plugin| only || plugin.is_named);
        let foreign = has(document, &FOREIGN_MEMBERS);
        let own = has(document, &OWN_MEMBERS) && !foreign;
        if own || (plugins.is_empty() && !foreign) {
            filters.push(Filter {
                place: String::new(),
                configuration: Configuration::Value(document.clone()),
                fails_open: None,
            });
        } else {
            filters.extend(plugins.into_iter().map(|plugin| plugin.filter));
        }
    }
    filters
}

struct Plugin {
    filter: Filter,
    is_named: bool,
}

fn search(value: &Value, at: String, found: &mut Vec<Plugin>) {
    if let Some(plugin) = plugin(value, &at) {
        found.push(plugin);
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let at = if at.is_empty() {
                    name.clone()
                } else {
                    format!("{at}.{name}")
                };
                search(member, at, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                search(item, format!("{at}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// The object as one host's configuration of a wasm plugin:
/// Envoy's `PluginConfig`, the spec of Istio's `WasmPlugin`, an entry of `wasm` in Envoy Gateway's
/// `EnvoyExtensionPolicy`, or of `filters` in Kong.
fn plugin(value: &Value, at: &str) -> Option<Plugin> {
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
        fails_open: fails_open(value),
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

fn fails_open(plugin: &Value) -> Option<&'static str> {
    let is = |name: &str, value: Value| plugin.get(name) == Some(&value);
    match () {
        () if is("fail_open", true.into()) => Some("fail_open: true"),
        () if is("failOpen", true.into()) => Some("failOpen: true"),
        () if is("failure_policy", "FAIL_OPEN".into()) => Some("failure_policy: FAIL_OPEN"),
        () if is("failurePolicy", "FAIL_OPEN".into()) => Some("failurePolicy: FAIL_OPEN"),
        () if is("failStrategy", "FAIL_OPEN".into()) => Some("failStrategy: FAIL_OPEN"),
        () => None,
    }
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
        assert_eq!(filter.fails_open, Some("failure_policy: FAIL_OPEN"));
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
