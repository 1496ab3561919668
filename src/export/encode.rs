//! Encodes records into the body of a call.

use super::MAX_CALL_BYTES;
use super::backlog::Backlog;
use super::queue::Entry;
use serde_json::{Map, Value, json};
use std::time::UNIX_EPOCH;

/// The format of a call's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON array of the records.
    Json,
    /// A JSON array for the Logs Ingestion API of Azure Monitor, with `TimeGenerated` added to each record.
    AzureMonitor,
    /// OTLP/HTTP with JSON: each record is a log record, and its members are attributes.
    Otlp,
}

impl Format {
    /// Takes records off the backlog: up to `limit`, and as many as fit into one call, but at least
    /// one. Returns them with the call's body, or `None` if the backlog is empty.
    pub(super) fn batch(
        self,
        backlog: &mut Backlog,
        limit: usize,
    ) -> Option<(Vec<Entry>, Vec<u8>)> {
        let (opening, closing) = self.frame();
        let mut body = opening.as_bytes().to_vec();
        let mut records = Vec::new();
        while records.len() < limit.max(1)
            && let Some(entry) = backlog.front()
        {
            let text = self.record(entry);
            let size = body.len() + text.len() + 1 + closing.len();
            if size > MAX_CALL_BYTES && !records.is_empty() {
                break;
            }
            if !records.is_empty() {
                body.push(b',');
            }
            body.extend(text.as_bytes());
            records.extend(backlog.pop());
        }
        body.extend(closing.as_bytes());
        (!records.is_empty()).then_some((records, body))
    }

    const fn frame(self) -> (&'static str, &'static str) {
        match self {
            Self::Json | Self::AzureMonitor => ("[", "]"),
            Self::Otlp => (
                concat!(
                    r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","#,
                    r#""value":{"stringValue":"entragate"}}]},"scopeLogs":[{"scope":{"name":"#,
                    r#""entragate","version":""#,
                    env!("CARGO_PKG_VERSION"),
                    r#""},"logRecords":["#
                ),
                "]}]}]}",
            ),
        }
    }

    fn record(self, entry: &Entry) -> String {
        match self {
            Self::Json => entry.line.clone(),
            Self::AzureMonitor => with_time_generated(&entry.line),
            Self::Otlp => otlp(&entry.line),
        }
    }
}

/// Adds the time with the name and in the ISO 8601 form that Azure Monitor requires. A line begins with its time.
fn with_time_generated(line: &str) -> String {
    let time = line
        .strip_prefix(r#"{"time":"#)
        .and_then(|rest| rest.split_once(','));
    match (time, line.strip_prefix('{')) {
        (Some((time, _)), Some(members)) => format!(r#"{{"TimeGenerated":{time},{members}"#),
        _ => line.to_owned(),
    }
}

/// Encodes a log record in the JSON form of OpenTelemetry's protocol: 64-bit numbers are strings,
/// and trace ids are hexadecimal.
fn otlp(line: &str) -> String {
    let record = parse(line);
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = humantime::parse_rfc3339(text("time")).unwrap_or(UNIX_EPOCH);
    let nanos = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let (number, severity) = match text("decision") {
        "deny" => (13, "WARN"),
        _ => (9, "INFO"),
    };
    let attributes: Vec<Value> = members(&record);
    let mut log = json!({
        "timeUnixNano": nanos.to_string(),
        "severityNumber": number,
        "severityText": severity,
        "body": {"stringValue": format!("{} {}", text("decision"), text("code"))},
        "attributes": attributes,
    });
    if let (false, Some(log)) = (text("trace_id").is_empty(), log.as_object_mut()) {
        log.insert("traceId".to_owned(), text("trace_id").into());
    }
    log.to_string()
}

/// Encodes the members that are present as OTLP key-value pairs.
fn members(object: &Map<String, Value>) -> Vec<Value> {
    let given = object.iter().filter(|(_, value)| !value.is_null());
    given
        .map(|(key, value)| json!({"key": key, "value": any_value(value)}))
        .collect()
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(items) => {
            let values: Vec<Value> = items.iter().map(any_value).collect();
            json!({ "arrayValue": { "values": values } })
        }
        Value::Object(object) => json!({ "kvlistValue": { "values": members(object) } }),
    }
}

/// Parses the filter's own line, which is always an object. Records are queued as lines, because the chain covers the
/// lines, and because another worker that takes the records over has only the lines.
fn parse(line: &str) -> Map<String, Value> {
    serde_json::from_str(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const LINE: &str = r#"{"time":"2026-11-23T01:00:00.007Z","trace_id":"0af7651916cd43dd8448eb211c80319c","code":"no_rule","decision":"deny","shadow":[{"rule":"x","would":"deny"}],"model":null,"duration_ms":7}"#;

    fn body(format: Format, lines: &[&str], limit: usize) -> (usize, usize, Value) {
        let mut backlog = Backlog::default();
        for line in lines {
            let line = (*line).to_owned();
            let since = Timestamp::from_secs(0);
            let slot = None;
            backlog.own.push(Entry { line, since, slot }, 0);
        }
        let (records, body) = format.batch(&mut backlog, limit).unwrap();
        let value = serde_json::from_slice(&body).unwrap();
        (records.len(), body.len(), value)
    }

    #[test]
    fn json_body_is_an_array_of_unchanged_records() {
        let (count, _, value) = body(Format::Json, &[LINE, LINE, LINE], 2);
        let record: Value = serde_json::from_str(LINE).unwrap();
        assert_eq!((count, value), (2, json!([record, record])));
    }

    #[test]
    fn azure_monitor_record_has_time_generated() {
        let (_, _, value) = body(Format::AzureMonitor, &[LINE], 9);
        let mut record: Value = serde_json::from_str(LINE).unwrap();
        record["TimeGenerated"] = "2026-11-23T01:00:00.007Z".into();
        assert_eq!(value, json!([record]));
    }

    #[test]
    fn otlp_record_has_time_severity_trace_and_attributes() {
        let (_, _, value) = body(Format::Otlp, &[LINE, LINE], 9);
        let resource = &value["resourceLogs"][0];
        let service = json!({"key": "service.name", "value": {"stringValue": "entragate"}});
        assert_eq!(resource["resource"]["attributes"][0], service);
        let records = resource["scopeLogs"][0]["logRecords"].as_array().unwrap();
        assert_eq!(records.len(), 2);
        let shadow = json!({"arrayValue": {"values": [{"kvlistValue": {"values": [
            {"key": "rule", "value": {"stringValue": "x"}},
            {"key": "would", "value": {"stringValue": "deny"}},
        ]}}]}});
        let expected = json!({
            "timeUnixNano": "1795395600007000000",
            "severityNumber": 13,
            "severityText": "WARN",
            "body": {"stringValue": "deny no_rule"},
            "traceId": "0af7651916cd43dd8448eb211c80319c",
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(records[0][name], *value, "{name}");
        }
        let attributes = records[0]["attributes"].as_array().unwrap();
        let named = |key: &str| attributes.iter().find(|own| own["key"] == key);
        assert_eq!(named("shadow").unwrap()["value"], shadow);
        assert_eq!(
            named("duration_ms").unwrap()["value"],
            json!({"intValue": "7"})
        );
        assert!(named("model").is_none());
    }

    #[test]
    fn call_body_is_at_most_one_megabyte() {
        let line = json!({"time": "2026-11-23T01:00:00Z", "path": "x".repeat(9000)}).to_string();
        for format in [Format::Json, Format::AzureMonitor, Format::Otlp] {
            let (count, size, _) = body(format, &vec![line.as_str(); 500], 500);
            assert!((100..112).contains(&count), "{count}");
            assert!(size <= MAX_CALL_BYTES, "{size}");
        }
    }
}
