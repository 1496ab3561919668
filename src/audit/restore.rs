//! Restores the line of a record that another program has read and rewritten, perhaps with reordered members.

use crate::json::write::Writer;
use serde_json::{Map, Value};

/// The members in the order of a line.
const RECORD: [&str; 42] = [
    "time",
    "request_id",
    "trace_id",
    "code",
    "decision",
    "reason",
    "issuer",
    "tid",
    "oid",
    "sub",
    "client",
    "kind",
    "actor",
    "blueprint",
    "uti",
    "sid",
    "claims",
    "rule",
    "shadow",
    "model",
    "mcp_method",
    "mcp_tool",
    "method",
    "host",
    "path",
    "source_ip",
    "user_agent",
    "cluster",
    "credential",
    "bill_to",
    "kid",
    "verified_by",
    "policy",
    "status",
    "upstream_status",
    "upstream_cluster",
    "duration_ms",
    "usage",
    "shortened",
    "instance",
    "seq",
    "prev",
];
const USAGE: [&str; 9] = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "model",
    "provider",
    "failed",
    "unknown",
];
const SHADOW: [&str; 2] = ["rule", "would"];
/// The member that the export adds for Azure Monitor.
const ADDED: &str = "TimeGenerated";

/// Returns the line of a record in the form that the filter writes: members in its order, no white space.
pub fn line(record: &Map<String, Value>) -> String {
    let mut line = Writer::object(1024);
    for (name, value) in ordered(record, &RECORD) {
        match (name, value) {
            (ADDED, _) => {}
            ("usage", Value::Object(usage)) => line.nested(name, |line| {
                for (name, value) in ordered(usage, &USAGE) {
                    line.value(name, value);
                }
            }),
            ("shadow", Value::Array(entries)) => line.list(name, entries, |line, entry| {
                let entry = entry.as_object().into_iter();
                for (name, value) in entry.flat_map(|entry| ordered(entry, &SHADOW)) {
                    line.value(name, value);
                }
            }),
            ("claims", claims) => {
                // Another crate in the build may enable serde_json's `preserve_order`.
                let mut claims = claims.clone();
                claims.sort_all_objects();
                line.value(name, &claims);
            }
            (name, value) => line.value(name, value),
        }
    }
    line.finish()
}

/// Returns the members in this order, then the others.
fn ordered<'m>(
    members: &'m Map<String, Value>,
    order: &'static [&str],
) -> impl Iterator<Item = (&'m str, &'m Value)> {
    let known = order.iter().filter_map(|name| members.get_key_value(*name));
    let is_other = |(name, _): &(&String, _)| !order.contains(&name.as_str());
    let members = known.chain(members.iter().filter(is_other));
    members.map(|(name, value)| (name.as_str(), value))
}
