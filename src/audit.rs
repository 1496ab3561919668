//! One record per decision: everything an auditor asks, nothing that opens a door.
//!
//! The gate fills a [`Record`] as a request goes by; [`Record::line`] is the JSON line of the log.

use crate::decision::{Denial, Grant};
use crate::model::Model;
use crate::policy::decide::{Shadow, Would};
use crate::time::Timestamp;
use crate::token::claim_path::ClaimPath;
use crate::token::claims::Claims;
use crate::usage::Usage;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io;
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
    /// 32 hexadecimal digits, of the caller's `traceparent` or of the trace that begins with us;
    /// absent where a request without one goes nowhere.
    pub trace_id: Option<String>,
    /// What was decided and why: `permitted`, `anonymous`, the denial's code, or why a permitted
    /// request came to nothing.
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
    /// The upstream's own, whatever the caller was answered; absent where it did not answer.
    pub upstream_status: Option<u16>,
    /// From the request's headers to the end of its response.
    pub duration_ms: Option<u64>,
    /// What the model's response took; absent where nothing was asked of a model, or in vain.
    pub usage: Option<Usage>,
    /// Permitted, but not served.
    #[serde(skip)]
    failed: bool,
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
    }

    /// A permitted request that came to nothing, for a reason that is not the caller's.
    pub fn fail(&mut self, denial: &Denial) {
        let facts = denial.facts();
        self.code = facts.code;
        let detail = denial.operator_detail();
        self.reason = Some(detail.unwrap_or_else(|| facts.text.into_owned()));
        self.failed = true;
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

    /// Whether the caller was refused, or permitted in vain.
    pub fn is_unserved(&self) -> bool {
        self.decision == "deny" || self.failed
    }

    /// Closes the record: how long the request took.
    pub fn close(&mut self, took: Duration) {
        self.duration_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }

    /// One line of JSON in ASCII but for letters and the like: what could end the line, move a cursor or
    /// turn the text around is escaped.
    pub fn line(&self) -> String {
        const USUAL: usize = 1024;
        let mut line = Pieces(Vec::with_capacity(USUAL));
        let written = serde_json::to_writer(&mut line, self).ok();
        let line = written.and_then(|()| String::from_utf8(line.0).ok());
        escape(line.unwrap_or_else(|| r#"{"code":"internal"}"#.to_owned()))
    }
}

/// Text that grows by many small pieces: quotes, commas, `null`. In wasm, to copy a few bytes at once is a
/// call out of it, and costs more than to push each.
struct Pieces(Vec<u8>);

impl io::Write for Pieces {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.write_all(piece)?;
        Ok(piece.len())
    }

    fn write_all(&mut self, piece: &[u8]) -> io::Result<()> {
        const FEW: usize = 8;
        match piece.len() {
            0..=FEW => piece.iter().for_each(|byte| self.0.push(*byte)),
            _ => self.0.extend_from_slice(piece),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a character shows as nothing, or changes how others show: control characters, line and
/// paragraph separators, marks of direction (Unicode TR36, "Trojan source"), blanks of no width.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// JSON with its invisible characters as `\uXXXX`. They can stand within texts only.
fn escape(json: String) -> String {
    // Most records hold nothing else, and this runs over every byte of each.
    let plain = |byte: u8| matches!(byte, b' '..=b'~');
    if json.bytes().all(plain) || !json.contains(is_invisible) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_invisible(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped += &format!("\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

impl Caller {
    /// The ids of verified claims, and those further claims that are asked for.
    pub fn of(claims: &Claims, extra: &[ClaimPath]) -> Self {
        let clip = |text: &Option<String>| text.as_deref().map(clip);
        let extra = extra.iter().filter_map(|path| {
            let value = path.read(&claims.others)?;
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

fn clip_value(value: Value) -> Value {
    match value {
        Value::String(text) => clip(&text).into(),
        other if other.to_string().len() > MAX_TEXT => "(too long)".into(),
        other => other,
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
        record.close(Duration::from_millis(7));
        let line = record.line();
        assert!(!line.contains(is_invisible), "{line}");
        assert!(line.contains(r"h\u2028"), "{line}");
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["code"], "no_rule");
        assert_eq!(parsed["decision"], "deny");
        assert_eq!(parsed["upstream_status"], Value::Null);
        assert_eq!(parsed["duration_ms"], 7);
        assert!(parsed["path"].as_str().unwrap().len() <= MAX_TEXT);
    }

    #[test]
    fn what_is_escaped_means_the_same() {
        let text = "a\u{7f}\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}\u{1b}é漢🦀\"\\\\u0041";
        let mut record = Record::default();
        record.describe_request("GET", text, "/");
        let line = record.line();
        assert!(!line.contains(is_invisible), "{line}");
        assert!(
            line.contains("é漢🦀") && line.contains(r"\udb40\udc41"),
            "{line}"
        );
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["host"], text);
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
}
