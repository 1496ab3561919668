//! Conversion of a record to flat field names of the Elastic Common Schema.

use serde_json::{Map, Value};

const VERSION: &str = "8.17.0";

/// Members of the record that have a field in ECS, and its name. The others get the prefix `entragate.`.
const NAMES: [(&str, &str); 25] = [
    ("time", "@timestamp"),
    ("request_id", "event.id"),
    ("trace_id", "trace.id"),
    ("code", "event.action"),
    ("reason", "event.reason"),
    ("tid", "organization.id"),
    ("oid", "user.id"),
    ("claims.preferred_username", "user.name"),
    ("claims.upn", "user.name"),
    ("claims.name", "user.full_name"),
    ("claims.email", "user.email"),
    ("rule", "rule.name"),
    ("policy", "rule.version"),
    ("model", "gen_ai.request.model"),
    ("method", "http.request.method"),
    ("host", "url.domain"),
    ("path", "url.path"),
    ("source_ip", "source.ip"),
    ("user_agent", "user_agent.original"),
    ("status", "http.response.status_code"),
    ("usage.prompt_tokens", "gen_ai.usage.input_tokens"),
    ("usage.completion_tokens", "gen_ai.usage.output_tokens"),
    ("usage.model", "gen_ai.response.model"),
    ("instance", "service.ephemeral_id"),
    ("seq", "event.sequence"),
];

/// Converts a record. Null fields and empty lists are omitted.
pub fn of(record: &Value) -> Value {
    let mut flat = Map::new();
    let constant = [
        ("ecs.version", VERSION.into()),
        ("event.kind", "event".into()),
        ("event.category", Value::from(vec!["iam"])),
        ("event.dataset", "entragate.audit".into()),
    ];
    flat.extend(constant.map(|(name, value)| (name.to_owned(), value)));
    for (member, value) in record.as_object().into_iter().flatten() {
        match member.as_str() {
            "decision" => {
                let is_permit = value == "permit";
                let outcome = if is_permit { "success" } else { "failure" };
                flat.insert("event.outcome".to_owned(), outcome.into());
            }
            "duration_ms" => {
                let nanos = value
                    .as_u64()
                    .map(|millis| millis.saturating_mul(1_000_000));
                let nanos = nanos.map(|nanos| ("event.duration".to_owned(), nanos.into()));
                flat.extend(nanos);
            }
            own => insert(&mut flat, own, value),
        }
    }
    Value::Object(flat)
}

/// Inserts a member, or the members of an object. If two have the same field, the first one is used.
fn insert(flat: &mut Map<String, Value>, path: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(members) => {
            for (member, value) in members {
                insert(flat, &format!("{path}.{member}"), value);
            }
        }
        value => {
            let name = NAMES.iter().find(|(own, _)| *own == path);
            let name = name.map_or_else(|| format!("entragate.{path}"), |(_, name)| (*name).into());
            flat.entry(name).or_insert_with(|| value.clone());
        }
    }
}
