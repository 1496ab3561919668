//! The wasm filter's part of the configuration.

use std::path::Path;

use serde_json::{Value, json};

use super::EnvoyConfig;

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";
const STRING: &str = "type.googleapis.com/google.protobuf.StringValue";

/// # Panics
/// All methods except the readers panic if the configuration has no wasm filter.
impl EnvoyConfig {
    /// The filter's file; [`super::super::wasm_path`] by default.
    pub fn wasm(self, file: &Path) -> Self {
        self.plugin_config(|config| {
            config["vm_config"]["code"] = json!({"local": {"filename": file}});
        })
    }

    /// The policy as plain YAML under `google.protobuf.Struct`: the filter gets protobuf wire bytes.
    pub fn policy_struct(self, policy: &Value) -> Self {
        self.plugin_config(|config| {
            config["configuration"] = json!({"@type": STRUCT, "value": policy});
        })
    }

    /// The policy as JSON in a `StringValue`, as Istio, Envoy Gateway and Kong pass it.
    pub fn policy_json(self, policy: &Value) -> Self {
        self.policy_text(&policy.to_string())
    }

    /// Any text as a `StringValue`, well-formed or not.
    pub fn policy_text(self, text: &str) -> Self {
        self.plugin_config(|config| {
            config["configuration"] = json!({"@type": STRING, "value": text});
        })
    }

    /// Changes the current policy and keeps its form.
    pub fn change_policy(self, change: impl FnOnce(&mut Value)) -> Self {
        let is_text = self
            .plugin_node()
            .is_some_and(|config| config["configuration"]["@type"] == STRING);
        let mut policy = self.policy();
        change(&mut policy);
        if is_text {
            self.policy_json(&policy)
        } else {
            self.policy_struct(&policy)
        }
    }

    /// The policy as JSON, from either form; `null` if there is none.
    pub fn policy(&self) -> Value {
        let value = self
            .plugin_node()
            .map(|config| &config["configuration"]["value"]);
        match value {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
            Some(value) => value.clone(),
            None => Value::Null,
        }
    }

    pub fn allow_on_headers_stop_iteration(self, allow: bool) -> Self {
        self.plugin_config(|config| config["allow_on_headers_stop_iteration"] = json!(allow))
    }

    /// `FAIL_RELOAD`, `FAIL_CLOSED` or `FAIL_OPEN`.
    pub fn failure_policy(self, policy: &str) -> Self {
        self.plugin_config(|config| config["failure_policy"] = json!(policy))
    }

    pub fn vm_id(self, vm_id: &str) -> Self {
        self.plugin_config(|config| config["vm_config"]["vm_id"] = json!(vm_id))
    }

    /// A variable given to the VM in the configuration itself.
    pub fn vm_env(self, name: &str, value: &str) -> Self {
        self.plugin_config(|config| {
            config["vm_config"]["environment_variables"]["key_values"][name] = json!(value);
        })
    }

    /// Which variables of Envoy's environment the VM gets; replaces the list.
    pub fn host_env_keys(self, names: &[&str]) -> Self {
        self.plugin_config(|config| {
            config["vm_config"]["environment_variables"]["host_env_keys"] = json!(names);
        })
    }

    /// Removes the wasm filter.
    pub fn without_plugin(self) -> Self {
        self.connection_manager(|manager| {
            if let Some(filters) = manager["http_filters"].as_array_mut() {
                filters.retain(|filter| filter["typed_config"]["@type"] != WASM);
            }
        })
    }

    /// Changes the filter's `config` member (`envoy.extensions.wasm.v3.PluginConfig`).
    pub fn plugin_config(self, change: impl FnOnce(&mut Value)) -> Self {
        self.connection_manager(|manager| {
            let filter = manager["http_filters"]
                .as_array_mut()
                .and_then(|filters| {
                    filters
                        .iter_mut()
                        .find(|filter| filter["typed_config"]["@type"] == WASM)
                })
                .expect("the configuration's first listener has a wasm filter");
            change(&mut filter["typed_config"]["config"]);
        })
    }

    pub(super) fn has_plugin(&self) -> bool {
        self.plugin_node().is_some()
    }

    pub(super) fn plugin_node(&self) -> Option<&Value> {
        let manager = &self.document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
            [0]["typed_config"];
        let filters = manager["http_filters"].as_array()?;
        let filter = filters
            .iter()
            .find(|filter| filter["typed_config"]["@type"] == WASM)?;
        Some(&filter["typed_config"]["config"])
    }
}
