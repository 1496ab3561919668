//! The parts of the filter's configuration that the feed needs.

use crate::deployment::filters::{self, Configuration};
use crate::deployment::load;
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use entragate::config::Config;
use serde_json::{Map, Value};

/// Loads the issuers and directories of the filter that a file configures. Nothing else is read, so only their
/// environment variables must be set.
///
/// # Errors
/// All errors, with their lines.
pub fn load(file: &str) -> Result<Config, Failure> {
    let deployment = load::load(&[file.to_owned()]).map_err(Failure::unusable)?;
    let filters = filters::find(&deployment);
    let [filter] = filters.as_slice() else {
        let text = match filters.len() {
            0 => input::NO_FILTER.to_owned(),
            found => format!("the file configures {found} filters; pass a file with one"),
        };
        return Err(Failure::of(UNREADABLE, input::name_of(file), text));
    };
    let configuration = match filter.configuration.members() {
        Some(Value::Object(members)) => Configuration::Value(Value::Object(needed(members))),
        _ => filter.configuration.clone(),
    };
    let env = |name: &str| std::env::var(name).ok();
    let config = input::load(&configuration, &env)
        .map_err(|errors| Failure::invalid_here(filter, &errors))?;
    if config.revocation.directories.is_empty() {
        let text = "revocation.graph: is required; add the directory to follow";
        return Err(Failure::at(&filter.at("revocation"), text));
    }
    Ok(config)
}

/// Keeps the issuers without `groups_overage`, the limits of tokens, and `revocation.graph`.
fn needed(members: Map<String, Value>) -> Map<String, Value> {
    let kept = |(name, mut value): (String, Value)| match name.as_str() {
        "token" => Some((name, value)),
        "issuers" => {
            for issuer in value.as_array_mut().into_iter().flatten() {
                issuer.as_object_mut()?.remove("groups_overage");
            }
            Some((name, value))
        }
        "revocation" => {
            let graph = value.as_object_mut()?.remove("graph")?;
            Some((name, serde_json::json!({"graph": graph})))
        }
        _ => None,
    };
    members.into_iter().filter_map(kept).collect()
}
