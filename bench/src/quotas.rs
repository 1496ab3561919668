//! The rate limits of deploy/ratelimit behind a chain. With the native chain, they read equivalents of our filter state: identity
//! headers, and the tokens of the response in dynamic metadata.

use std::{error::Error, fs};

use serde_json::{Value, json};
use testbed::envoy::workspace_root;

use crate::native;

/// The header that distinguishes the callers of the native chain, by the key of the limit.
const HEADERS: [(&str, &str); 2] = [("oid", "x-entra-oid"), ("app", "x-entra-app")];

/// The shipped additions to an Envoy configuration.
pub struct Quotas {
    fragment: Value,
}

impl Quotas {
    pub fn shipped() -> Result<Quotas, Box<dyn Error>> {
        let mut fragment = read("fragment.yaml")?;
        // No row reads the model from the body.
        entries(&mut fragment).retain(|entry| !entry.to_string().contains("\"model\""));
        // The load generator, the service and Redis share the cores with Envoy.
        fragment["http_filter"]["typed_config"]["timeout"] = json!("10s");
        Ok(Quotas { fragment })
    }

    /// Adds the rate limits behind `chain`, and to the manager's only route.
    pub fn add(&self, manager: &mut Value, chain: &mut Vec<Value>, is_ours: bool) {
        let mut fragment = self.fragment.clone();
        if !is_ours {
            chain.push(native::answer_usage_reader(&["total_tokens"]));
            entries(&mut fragment).iter_mut().for_each(read_natively);
        }
        chain.push(fragment["http_filter"].take());
        manager["route_config"]["virtual_hosts"][0]["routes"][0]["typed_per_filter_config"] =
            fragment["typed_per_filter_config"].take();
    }

    /// Returns the filter state that the shipped limits and access log read.
    pub fn filter_state(&self) -> Value {
        self.fragment["policy"]["audit"]["filter_state"].clone()
    }

    pub fn cluster(&self) -> Value {
        self.fragment["cluster"].clone()
    }
}

/// Returns the shipped limits with numbers that refuse nothing.
pub fn limits() -> Result<Value, Box<dyn Error>> {
    let mut limits = read("limits.yaml")?;
    raise(&mut limits["descriptors"]);
    Ok(limits)
}

fn raise(descriptors: &mut Value) {
    for descriptor in descriptors.as_array_mut().into_iter().flatten() {
        if let Some(limit) = descriptor.get_mut("rate_limit") {
            limit["requests_per_unit"] = json!(u32::MAX);
        }
        if let Some(nested) = descriptor.get_mut("descriptors") {
            raise(nested);
        }
    }
}

fn read(name: &str) -> Result<Value, Box<dyn Error>> {
    let path = workspace_root().join("deploy/ratelimit").join(name);
    let text = fs::read_to_string(&path)?;
    Ok(serde_saphyr::from_str(&text)?)
}

fn entries(fragment: &mut Value) -> &mut Vec<Value> {
    let limits = &mut fragment["typed_per_filter_config"]["envoy.filters.http.ratelimit"];
    match &mut limits["rate_limits"] {
        Value::Array(entries) => entries,
        other => panic!("fragment.yaml: rate_limits must be a list, but is {other}"),
    }
}

/// Makes an entry read the native chain's equivalents instead of our filter state.
fn read_natively(entry: &mut Value) {
    for action in entry["actions"].as_array_mut().into_iter().flatten() {
        let key = action["extension"]["name"].clone();
        if let Some((_, header)) = HEADERS.iter().find(|(own, _)| key == *own) {
            *action = json!({"request_headers": {"header_name": header, "descriptor_key": key}});
        }
    }
    if !entry["hits_addend"]["format"].is_null() {
        entry["hits_addend"]["format"] = json!("%DYNAMIC_METADATA(usage:total_tokens)%");
    }
}
