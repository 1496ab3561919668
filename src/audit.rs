//! One record per decision: everything an auditor asks, nothing that opens a door.
//!
//! The gate fills a [`Record`] as a request goes by; [`Record::line`] is the JSON line of the log.

use crate::decision::{Denial, Grant};
use crate::model::Model;
use crate::policy::decide::{Shadow, Would};
use crate::time::Timestamp;
use crate::token::claim_path::ClaimPath;
use crate::token::claims::Claims;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// Of the record's shape; raised when a field goes, is renamed or changes its meaning. New fields
/// leave it as it is.
pub const VERSION: u32 = 1;

/// Longest text of a caller's own in a record, in bytes.
const MAX_TEXT: usize = 1024;

/// What became of one request.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct Record {
    /// RFC 3339, when the request came.
    pub time: String,
    /// Envoy's `x-request-id`.
    pub request_id: String,
    /// From `traceparent`, 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// What was decided and why: `permitted`, `anonymous` or the denial's code.
    pub code: &'static str,
    /// `permit` or `deny`.
    pub decision: &'static str,
    /// The denial in words, with what only the operator is told.
    pub reason: Option<String>,
    #[serde(flatten)]
    pub caller: Caller,
    /// The rule that permitted or denied.
    pub rule: Option<String>,
    /// Rules in shadow mode that would have acted.
    pub shadow: Vec<ShadowEntry>,
    /// Without suffix; not known where only the body tells it and no rule asks for it.
    pub model: Option<String>,
    /// The request's method.
    pub method: String,
    /// The request's host, without port.
    pub host: String,
    /// Without query.
    pub path: String,
    /// The credential's name.
    pub credential: Option<String>,
    /// The key that signed the token.
    pub kid: Option<String>,
    /// Which way the signature was checked.
    pub verified_by: Option<&'static str>,
    /// Digest of the configuration that decided.
    pub policy: String,
    /// What the upstream answered; `null` where the request did not go there.
    pub upstream_status: Option<u16>,
    /// From the request's headers to the end of its response.
    pub duration_ms: Option<u64>,
    /// Token counts of the model.
    pub usage: Option<Value>,
    /// Whether there is an upstream that answers.
    #[serde(skip)]
    forwarded: bool,
}

/// Who called. Empty until the signature held.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct Caller {
    /// The configured issuer's name.
    pub issuer: Option<String>,
    /// Tenant.
    pub tid: Option<String>,
    /// The caller's object id, or what `claims.object` is mapped to.
    pub oid: Option<String>,
    /// Subject.
    pub sub: Option<String>,
    /// The client that asked for the token (`azp`, `appid`).
    pub client: Option<String>,
    /// `user` or `app`.
    pub kind: Option<&'static str>,
    /// The token's id, as Entra's sign-in logs have it.
    pub uti: Option<String>,
    /// The session.
    pub sid: Option<String>,
    /// Those the configuration asks for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}

/// A shadow rule that would have acted.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct ShadowEntry {
    /// Its name.
    pub rule: String,
    /// `permit` or `deny`.
    pub would: &'static str,
}

impl Record {
    /// Notes what a caller's own request says of itself.
    pub fn describe_request(&mut self, method: &str, host: &str, path: &str) {
        self.method = clip(method);
        self.host = clip(host);
        self.path = clip(path);
    }

    pub fn note_model(&mut self, model: &Model) {
        self.model = model.name().map(clip);
    }

    pub fn deny(&mut self, denial: &Denial) {
        let facts = denial.facts();
        self.code = facts.code;
        self.decision = "deny";
        let detail = denial.operator_detail();
        self.reason = Some(detail.unwrap_or_else(|| facts.text.into_owned()));
        self.rule = match denial {
            Denial::RuleUnsatisfied { rule, .. }
            | Denial::DeniedByRule { rule }
            | Denial::GroupsOverage { rule, .. }
            | Denial::CredentialUnavailable { rule, .. }
            | Denial::NotAMember { rule, .. }
            | Denial::StepUpRequired { rule, .. } => Some(rule.to_string()),
            _ => None,
        };
    }

    /// `rule`: the one that permits, where there is one to ask.
    pub fn grant(&mut self, grant: Grant, rule: Option<&str>) {
        self.code = grant.code();
        self.decision = "permit";
        self.rule = rule.map(str::to_owned);
        self.forwarded = grant.is_forwarded();
    }

    pub fn note_shadow(&mut self, shadow: &[Shadow]) {
        let entry = |shadow: &Shadow| ShadowEntry {
            rule: shadow.rule.to_string(),
            would: match shadow.would {
                Would::Permit => "permit",
                Would::Deny => "deny",
            },
        };
        self.shadow = shadow.iter().map(entry).collect();
    }

    pub fn denied(&self) -> bool {
        self.decision == "deny"
    }

    /// Closes the record: what came of the request, and how long it took.
    pub fn close(&mut self, status: Option<u16>, took: Duration) {
        self.upstream_status = status.filter(|_| self.forwarded);
        self.duration_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }

    /// One line of JSON; JSON escapes what could end the line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| r#"{"code":"internal"}"#.to_owned())
    }
}

impl Caller {
    /// The ids of verified claims, and those further claims that are asked for.
    pub fn of(claims: &Claims, extra: &[ClaimPath]) -> Self {
        let clip = |text: &Option<String>| text.as_deref().map(clip);
        let extra = extra.iter().filter_map(|path| {
            let value = path.find(&claims.all)?;
            Some((path.as_str().to_owned(), clip_value(value)))
        });
        Self {
            issuer: Some(claims.issuer.to_string()),
            tid: clip(&claims.tenant),
            oid: Some(self::clip(&claims.object)),
            sub: clip(&claims.subject),
            client: clip(&claims.client),
            kind: claims.kind.map(|kind| kind.name()),
            uti: clip(&claims.token_id),
            sid: clip(&claims.session),
            claims: extra.collect(),
        }
    }
}

/// The trace id of a W3C `traceparent`: version, 32 digits, 16 digits, flags.
pub fn trace_id(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let valid =
        hex(version, 2) && version != "ff" && hex(trace, 32) && trace.contains(|c| c != '0');
    valid.then(|| trace.to_owned())
}

/// The record's JSON Schema (2020-12), derived from it.
#[cfg(not(target_family = "wasm"))]
pub fn schema() -> Value {
    crate::config::schema::written::<Record>(
        &format!("urn:entragate:audit-record:{VERSION}"),
        &format!("entragate audit record, version {VERSION}"),
    )
}

/// Starts a record at the moment a request comes.
pub fn open(now: Timestamp, policy: &str) -> Record {
    Record {
        time: now.to_rfc3339(),
        policy: policy.to_owned(),
        ..Record::default()
    }
}

fn clip(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

fn clip_value(value: &Value) -> Value {
    match value {
        Value::String(text) => clip(text).into(),
        other if other.to_string().len() > MAX_TEXT => "(too long)".into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_whatever_the_caller_sends() {
        let mut record = open(Timestamp::from_secs(0), "abc");
        record.describe_request("GET\r\n", "h\u{2028}", &"/é".repeat(1000));
        record.deny(&Denial::NoRule);
        record.close(Some(403), Duration::from_millis(7));
        let line = record.line();
        assert!(!line.contains(['\n', '\r']));
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["code"], "no_rule");
        assert_eq!(parsed["decision"], "deny");
        assert_eq!(parsed["upstream_status"], Value::Null);
        assert_eq!(parsed["duration_ms"], 7);
        assert!(parsed["path"].as_str().unwrap().len() <= MAX_TEXT);
    }

    #[test]
    fn every_contracted_key_is_there_in_order() {
        let line = Record::default().line();
        let keys = "time request_id trace_id code decision issuer tid oid sub client kind uti sid \
                    rule shadow model method host path credential kid verified_by policy \
                    upstream_status duration_ms usage";
        let mut from = 0;
        for key in keys.split_whitespace() {
            let quoted = format!("\"{key}\":");
            from += line[from..]
                .find(&quoted)
                .unwrap_or_else(|| panic!("{key} in {line}"));
        }
    }

    #[test]
    fn reads_trace_ids() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let header = format!("00-{trace}-b7ad6b7169203331-01");
        assert_eq!(trace_id(&header).as_deref(), Some(trace));
        for bad in [
            "",
            "00",
            "00-xyz-1-1",
            &header.to_uppercase(),
            &"0".repeat(60),
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
        assert_eq!(trace_id(&format!("ff-{trace}-b7ad6b7169203331-01")), None);
        assert_eq!(
            trace_id(&format!("00-{}-b7ad6b7169203331-01", "0".repeat(32))),
            None
        );
    }
}
