//! References to the filter's state in Envoy's configuration.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use crate::deployment::envoy;
use crate::deployment::node::Node;
use entragate::audit::filter_state::StateValue;
use serde_json::Value;

/// The prefix of the names of values that the filter sets.
const PREFIX: &str = "entragate.";
/// The prefix that Envoy adds to the name of a value that a wasm filter sets.
const BY_WASM: &str = "wasm.";
/// The command operator that shows filter state in format strings.
const OPERATOR: &str = "%FILTER_STATE(";
/// The attribute of CEL expressions that holds filter state.
const IN_CEL: &str = "filter_state";
/// The members of the connection manager that show filter state.
const READERS: [&str; 2] = ["access_log", "tracing"];

/// A reference to filter state in a string.
pub struct Reference<'d> {
    pub node: Node<'d>,
    pub text: &'d str,
    /// The name after `entragate.`.
    name: &'d str,
    has_prefix: bool,
}

/// Why the filter does not set the value that a reference names, and what to do.
pub struct NotSet {
    cause: String,
    cure: String,
}

impl Reference<'_> {
    /// Returns the value that the reference names.
    pub fn value(&self) -> Option<StateValue> {
        StateValue::ALL
            .into_iter()
            .find(|value| short(*value) == self.name)
    }

    /// Returns the value that the reference names; `None` if the filter's configuration is unknown.
    pub fn set_by(&self, scene: &Scene<'_>) -> Result<Option<StateValue>, NotSet> {
        let name = self.name;
        let Some(value) = self.value() else {
            let known = StateValue::ALL.map(short).join(", ");
            return Err(NotSet {
                cause: format!("the filter does not set wasm.entragate.{name}"),
                cure: format!("use one of {known}"),
            });
        };
        if !self.has_prefix {
            return Err(NotSet {
                cause: format!("the filter does not set entragate.{name}"),
                cure: format!("write wasm.entragate.{name}"),
            });
        }
        let Some(config) = scene.config else {
            return Ok(None);
        };
        if !config.audit.filter_state.has(value) {
            return Err(NotSet {
                cause: format!("`audit.filter_state` does not contain {name}"),
                cure: format!("add {name}"),
            });
        }
        if value.counts_tokens() && config.usage.is_none() {
            return Err(NotSet {
                cause: format!(
                    "`usage` is false, so the filter does not set wasm.entragate.{name}"
                ),
                cure: "set it to true".to_owned(),
            });
        }
        Ok(Some(value))
    }
}

impl NotSet {
    /// Returns a message with the effect of the cause.
    pub fn with(&self, effect: &str) -> String {
        format!("{}, {effect}; {}", self.cause, self.cure)
    }
}

/// Reports access logs and tracers that read state that the filter does not set.
pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let Some(manager) = envoy::connection_manager(scene.filter, scene.deployment) else {
        return;
    };
    for reader in READERS.iter().filter_map(|name| manager.get(name)) {
        for reference in references(&reader) {
            let effect = if reference.text.contains(OPERATOR) {
                "and `-` or null is shown instead"
            } else if reference.text.contains(IN_CEL) {
                "so the expression treats every request as one without the value"
            } else {
                continue;
            };
            if let Err(not_set) = reference.set_by(scene) {
                let message = not_set.with(effect);
                findings.add(
                    &ids::FILTER_STATE_NOT_SET,
                    reference.node.place(),
                    None,
                    message,
                );
            }
        }
    }
}

/// Returns the references in all strings of a setting.
pub fn references<'d>(setting: &Node<'d>) -> Vec<Reference<'d>> {
    let mut found = Vec::new();
    setting.walk(&mut |node| {
        let Value::String(text) = node.value else {
            return;
        };
        for (at, prefix) in text.match_indices(PREFIX) {
            let rest = text.get(at + prefix.len()..).unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            found.push(Reference {
                node: node.clone(),
                text,
                name: rest.get(..end).unwrap_or_default(),
                has_prefix: text.get(..at).unwrap_or_default().ends_with(BY_WASM),
            });
        }
    });
    found
}

/// Returns the name of a value after `entragate.`.
fn short(value: StateValue) -> &'static str {
    value.name().strip_prefix(PREFIX).unwrap_or_default()
}
