//! Environment variables: those that the configuration reads, and those that reach the filter.

use super::finding::Findings;
use super::ids;
use super::scene::{Scene, name};
use crate::deployment::filters::Host;
use crate::deployment::workload;
use crate::document::path;
use serde_json::Value;
use std::collections::BTreeSet;

/// Prefixes of Hugging Face secrets and JSON Web Tokens. Names of variables are in upper case.
const SECRETS: [&str; 3] = ["hf_", "api_org_", "eyJ"];
/// Letters and digits without a separator count as a secret, not as a name, from this length on.
const SECRET_LENGTH: usize = 20;

/// Whether the name of a variable is actually a secret, which no message may show.
pub fn is_secret(name: &str) -> bool {
    let begins = |start: &&str| {
        name.trim()
            .trim_start_matches("Bearer ")
            .starts_with(*start)
    };
    let has = |wanted: fn(&u8) -> bool| name.bytes().any(|byte| wanted(&byte));
    let random = name.len() >= SECRET_LENGTH
        && !name.contains('_')
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit);
    SECRETS.iter().any(begins) || random
}

/// Whether a text is a valid variable name. The filter refuses other names.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(plain)
}

/// Returns the variable's name if it is in shell syntax: `$NAME`, `${NAME}` or `$(NAME)`.
fn without_dollar(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let braced = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    let grouped = name
        .strip_prefix('(')
        .and_then(|name| name.strip_suffix(')'));
    Some(braced.or(grouped).unwrap_or(name)).filter(|name| is_name(name))
}

/// `missing` contains the variables that the configuration reads and this machine does not have.
pub fn check(scene: &Scene<'_>, missing: &BTreeSet<String>, findings: &mut Findings) {
    let read = read(scene.given);
    for (at, name) in &read {
        if is_secret(name) {
            let message = "holds a secret instead of a variable's name; revoke the secret, and write \
                           the name of a variable, such as HF_TOKEN";
            findings.add_inside(
                &ids::ENV_IS_SECRET,
                scene.at(at),
                subject(scene, at),
                message,
            );
        } else if let Some(plain) = without_dollar(name) {
            let message = format!(
                "is {name:?}, but the filter looks for a variable with exactly this name; write the name only: \
                 {plain}"
            );
            let place = scene.at(at);
            findings.add_inside(&ids::ENV_HAS_DOLLAR, place, subject(scene, at), message);
        } else if missing.contains(name) {
            let message = format!(
                "this machine has no environment variable {name:?}, without which the filter does not start; \
                 set it where the proxy runs"
            );
            let place = scene.at(at);
            findings.add_inside(
                &ids::VARIABLE_MISSING_HERE,
                place,
                subject(scene, at),
                message,
            );
        }
    }
    let names: Vec<(String, String)> = read
        .into_iter()
        .filter(|(_, name)| is_name(name) && !is_secret(name))
        .collect();
    passed(scene, &names, findings);
    inline(scene, &names, findings);
    contained(scene, &names, findings);
}

/// The credential or issuer that a path is about.
fn subject<'s>(scene: &'s Scene<'_>, at: &str) -> Option<&'s str> {
    let item = at.split_once(']').map(|(start, _)| format!("{start}]"))?;
    let list = item.split('[').next()?;
    let items = scene.items(list);
    let (_, value) = items.into_iter().find(|(path, _)| *path == item)?;
    name(value)
}

/// Every `env` of the configuration, and its path.
pub fn read(given: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    gather(given, "", &mut found);
    found
}

fn gather(value: &Value, at: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let inside = path::member(at, name);
                match member {
                    Value::String(variable) if name == "env" => {
                        found.push((inside, variable.clone()));
                    }
                    member => gather(member, &inside, found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, &path::item(at, index), found);
            }
        }
        _ => {}
    }
}

/// The host passes only the variables in its settings.
fn passed(scene: &Scene<'_>, names: &[(String, String)], findings: &mut Findings) {
    let plugin = &scene.filter.plugin;
    let (setting, known): (&str, Vec<&str>) = match scene.filter.host {
        _ if scene.filter.is_plugin_config => {
            let given = plugin.at(&["vm_config", "environment_variables"]);
            let keys = given.iter().flat_map(|given| given.list("host_env_keys"));
            let keys = keys.filter_map(|key| key.value.as_str());
            let values = given.iter().filter_map(|given| given.get("key_values"));
            let values = values.flat_map(|values| values.members());
            let known = keys.chain(values.map(|(name, _)| name)).collect();
            ("vm_config.environment_variables.host_env_keys", known)
        }
        Host::Istio => {
            let given = plugin.get("vmConfig").map(|vm| vm.list("env"));
            let given = given.into_iter().flatten();
            let known = given.filter_map(|variable| variable.text("name")).collect();
            ("vmConfig.env", known)
        }
        Host::EnvoyGateway => {
            let given = plugin.get("env").map(|env| env.list("hostKeys"));
            let given = given.into_iter().flatten();
            let known = given.filter_map(|key| key.value.as_str()).collect();
            ("env.hostKeys", known)
        }
        Host::Envoy | Host::EnvoyFilter | Host::Kong | Host::Unknown => return,
    };
    for (at, name) in names {
        if !known.contains(&name.as_str()) {
            let message = format!(
                "the host does not pass the environment variable {name:?} to the filter, which does not start \
                 without it; add it to {setting}"
            );
            let place = scene.at(at);
            findings.add_inside(
                &ids::VARIABLE_NOT_PASSED,
                place,
                subject(scene, at),
                message,
            );
        }
    }
}

/// A value that is written next to a variable's name is part of the host's configuration.
fn inline(scene: &Scene<'_>, names: &[(String, String)], findings: &mut Findings) {
    let plugin = &scene.filter.plugin;
    let fixed = plugin.at(&["vm_config", "environment_variables", "key_values"]);
    let fixed = fixed.iter().flat_map(|values| values.members());
    let variables = plugin.get("vmConfig").map(|vm| vm.list("env"));
    let variables = variables.into_iter().flatten();
    let with_value =
        variables.filter_map(|variable| Some((variable.text("name")?, variable.get("value")?)));
    for (name, value) in fixed.chain(with_value) {
        if let Some((at, _)) = names.iter().find(|(_, read)| read == name) {
            let message = format!(
                "the value of the environment variable {name:?} is part of the host's configuration; take it from \
                 the proxy's own environment"
            );
            let place = value.place();
            findings.add(
                &ids::SECRET_IN_CONFIGURATION,
                place,
                subject(scene, at),
                message,
            );
        }
    }
}

/// The container must have the variables that the host passes.
fn contained(scene: &Scene<'_>, names: &[(String, String)], findings: &mut Findings) {
    let deployment = scene.deployment;
    let containers = match (scene.filter.host, &scene.filter.document().config_map) {
        (Host::Envoy, Some(config_map)) => workload::readers(deployment, config_map),
        (Host::EnvoyGateway, _) => workload::gateway_containers(deployment),
        _ => return,
    };
    let fixed = scene
        .filter
        .plugin
        .at(&["vm_config", "environment_variables", "key_values"]);
    for (_, name) in names {
        let set_by_host = fixed
            .as_ref()
            .is_some_and(|values| values.value.get(name).is_some());
        let mut known = containers
            .iter()
            .map(|container| workload::has_variable(container, name))
            .peekable();
        let lacking = known.peek().is_some() && known.all(|has| has == Some(false));
        if let Some(container) = containers.first().filter(|_| lacking && !set_by_host) {
            let message = format!(
                "no container of the proxy has the environment variable {name:?}, without which the filter does \
                 not start; add it to `env`, from a Secret"
            );
            let named = container
                .text("name")
                .unwrap_or(workload::resource_of(container));
            let place = container.place_of("env");
            findings.add(&ids::VARIABLE_NOT_IN_CONTAINER, place, Some(named), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_distinguished_from_names() {
        for secret in [
            "hf_x",
            "hf_abcdefghijklmnopqrstuvwxyz",
            "api_org_abc",
            "eyJhbGciOiJub25lIn0",
            "Bearer hf_x",
            "s3cretAbcdefghijklmno",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for name in [
            "HF_TOKEN",
            "HF_TOKEN_READ_2",
            "HFTOKEN",
            "TokenForHuggingFace",
        ] {
            assert!(is_name(name) && !is_secret(name), "{name}");
        }
        assert!(!is_name("s.abcdef") && !is_name(""));
    }
}
