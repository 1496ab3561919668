//! Conversion of a record to flat field names of the Elastic Common Schema.

use serde_json::{Map, Value};

const VERSION: &str = "8.17.0";

/// Fields of the record that have an ECS field, and its name. The others get the prefix `entragate.`.
const NAMES: [(&str, &str); 12] = [
    ("time", "@timestamp"),
    ("request_id", "event.id"),
    ("trace_id", "trace.id"),
    ("code", "event.action"),
    ("reason", "event.reason"),
    ("oid", "user.id"),
    ("rule", "rule.name"),
    ("model", "gen_ai.request.model"),
    ("method", "http.request.method"),
    ("host", "url.domain"),
    ("path", "url.path"),
    ("upstream_status", "http.response.status_code"),
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
        let (name, value) = match member.as_str() {
            "decision" => {
                let outcome = if value == "permit" {
                    "success"
                } else {
                    "failure"
                };
                ("event.outcome".to_owned(), outcome.into())
            }
            "duration_ms" => {
                let nanos = value
                    .as_u64()
                    .map(|millis| millis.saturating_mul(1_000_000));
                ("event.duration".to_owned(), nanos.into())
            }
            own => match NAMES.iter().find(|(name, _)| *name == own) {
                Some((_, name)) => ((*name).to_owned(), value.clone()),
                None => (format!("entragate.{own}"), value.clone()),
            },
        };
        insert(&mut flat, name, value);
    }
    Value::Object(flat)
}

fn insert(flat: &mut Map<String, Value>, name: String, value: Value) {
    match value {
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(members) => {
            for (member, value) in members {
                insert(flat, format!("{name}.{member}"), value);
            }
        }
        value => drop(flat.insert(name, value)),
    }
}
