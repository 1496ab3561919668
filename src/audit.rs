//! One record per decision: everything an auditor asks, nothing that opens a door.
//!
//! The gate fills a [`Record`] as a request goes by; [`Record::line`] is the JSON line of the log.

mod line;
mod shorten;

use crate::decision::{Denial, Grant};
use crate::http::cluster::Cluster;
use crate::http::headers::Headers;
use crate::model::Model;
use crate::policy::decide::{Shadow, Would};
use crate::time::Timestamp;
use crate::token::claim_path::ClaimPath;
use crate::token::claims::Claims;
use crate::usage::Usage;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
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
    pub request_id: Arc<str>,
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
    pub rule: Option<Arc<str>>,
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
    /// The upstream cluster that the decision was made for; only where the configuration refers to
    /// clusters.
    pub cluster: Option<Arc<str>>,
    /// The credential's name.
    pub credential: Option<Arc<str>>,
    /// The key that signed the token.
    pub kid: Option<Arc<str>>,
    /// Which way the signature was checked.
    pub verified_by: Option<&'static str>,
    /// Digest of the configuration that decided.
    pub policy: Arc<str>,
    /// The upstream's own, whatever the caller was answered; absent where it did not answer.
    pub upstream_status: Option<u16>,
    /// The cluster that served the request; only where the configuration refers to clusters.
    pub upstream_cluster: Option<Arc<str>>,
    /// From the request's headers to the end of its response.
    pub duration_ms: Option<u64>,
    /// What the model's response took; absent where nothing was asked of a model, or in vain.
    pub usage: Option<Usage>,
    /// True where texts were cut and claims left out, since the host's log cuts longer lines.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shortened: bool,
    /// Permitted, but not served.
    #[serde(skip)]
    failed: bool,
}

/// Who called. Empty until the signature held.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct Caller {
    /// The configured issuer's name.
    pub issuer: Option<Arc<str>>,
    /// Tenant.
    pub tid: Option<Arc<str>>,
    /// The caller's object id, or what `claims.object` is mapped to.
    pub oid: Option<Arc<str>>,
    /// Subject.
    pub sub: Option<Arc<str>>,
    /// The client that asked for the token (`azp`, `appid`).
    pub client: Option<Arc<str>>,
    /// `user` or `app`.
    pub kind: Option<&'static str>,
    /// The token's id, as Entra's sign-in logs have it.
    pub uti: Option<Arc<str>>,
    /// The session.
    pub sid: Option<Arc<str>>,
    /// Those the configuration asks for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}

/// A shadow rule that would have acted.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct ShadowEntry {
    /// Its name.
    pub rule: Arc<str>,
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

    /// Notes what can be read of a request that is refused unread. The host's `:authority` counts
    /// before the header `host`.
    pub fn describe_unread(&mut self, headers: &Headers) {
        let text = |name| headers.text(name).unwrap_or_default();
        let path = text(":path").split('?').next().unwrap_or_default();
        let host = headers.text(":authority").unwrap_or_else(|| text("host"));
        self.describe_request(text(":method"), host, path);
    }

    pub fn note_cluster(&mut self, cluster: &Cluster) {
        self.cluster = cluster.name().map(clip_shared);
    }

    pub fn note_upstream_cluster(&mut self, cluster: &Cluster) {
        self.upstream_cluster = cluster.name().map(clip_shared);
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
            | Denial::UpstreamNotAllowed { rule, .. }
            | Denial::NotAMember { rule, .. }
            | Denial::StepUpRequired { rule, .. } => Some(rule.clone()),
            _ => None,
        };
    }

    /// `rule`: the one that permits, where there is one to ask.
    pub fn grant(&mut self, grant: Grant, rule: Option<&Arc<str>>) {
        self.code = grant.code();
        self.decision = "permit";
        self.rule = rule.cloned();
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
            rule: shadow.rule.clone(),
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
}

impl Caller {
    /// The ids of verified claims, and those further claims that are asked for.
    pub fn of(claims: &Claims, extra: &[ClaimPath]) -> Self {
        let clip = |text: &Option<Arc<str>>| text.as_ref().map(clip_shared);
        let extra = extra.iter().filter_map(|path| {
            let value = path.read(&claims.others)?;
            Some((path.as_str().to_owned(), clip_value(value)))
        });
        Self {
            issuer: Some(claims.issuer.clone()),
            tid: clip(&claims.tenant),
            oid: Some(clip_shared(&claims.object)),
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
    crate::json::schema::written::<Record>(
        &format!("urn:entragate:audit-record:{VERSION}"),
        &format!("entragate audit record, version {VERSION}"),
    )
}

/// Starts a record at the moment a request comes.
pub fn open(now: Timestamp, policy: &Arc<str>) -> Record {
    Record {
        time: now.to_rfc3339(),
        policy: policy.clone(),
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

fn clip_shared(text: &Arc<str>) -> Arc<str> {
    match text.len() > MAX_TEXT {
        true => clip(text).into(),
        false => text.clone(),
    }
}

fn clip_value(value: Value) -> Value {
    match value {
        Value::String(text) => clip(&text).into(),
        other if other.to_string().len() > MAX_TEXT => "(too long)".into(),
        other => other,
    }
}
