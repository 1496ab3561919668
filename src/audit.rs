//! The audit record, one per decision. It contains what an auditor needs, and no secret.
//!
//! The gate fills a [`Record`] while it handles a request; [`Record::line`] returns the JSON line for the
//! log.

pub mod chain;
pub mod filter_state;
mod line;
#[cfg(not(target_family = "wasm"))]
pub mod restore;
mod shorten;

use crate::decision::{Denial, Grant};
use crate::http::cluster::Cluster;
use crate::http::headers::Headers;
use crate::mcp::Mcp;
use crate::model::Model;
use crate::policy::decide::{Shadow, Would};
use crate::time::Timestamp;
use crate::token::claim_path::ClaimPath;
use crate::token::claims::Claims;
use crate::token::facets::Actor;
use crate::usage::Usage;
use chain::Link;
use serde::Serialize;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The version of the record's schema. It increases when a field is removed, renamed or changes its
/// meaning, not when a field is added.
pub const VERSION: u32 = 1;

/// The longest text from the caller in a record, in bytes.
const MAX_TEXT: usize = 1024;
/// The longest user agent in a record, in bytes.
const MAX_USER_AGENT: usize = 256;

/// The audit record of one request.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct Record {
    /// When the request arrived (RFC 3339).
    pub time: String,
    /// The `x-request-id`, or a generated id if the request has none.
    pub request_id: Arc<str>,
    /// The trace id, 32 hexadecimal digits: that of the caller's `traceparent`, or of a trace that begins at this
    /// filter.
    pub trace_id: Option<String>,
    /// The outcome: `permitted`, `anonymous`, `metadata`, the denial's code, or the code of the failure of a
    /// permitted request.
    pub code: &'static str,
    /// `permit` or `deny`.
    pub decision: &'static str,
    /// The denial's text, with details that only the operator sees.
    pub reason: Option<String>,
    #[serde(flatten)]
    pub caller: Caller,
    /// The rule that permitted or denied.
    pub rule: Option<Arc<str>>,
    /// Shadow rules that would have permitted or denied the request.
    pub shadow: Vec<ShadowEntry>,
    /// The requested model, without suffix. Absent if only the body names it and no rule needs it.
    pub model: Option<String>,
    /// The JSON-RPC method of a request to an MCP server, if a rule needs it. The methods of a batch are separated by commas.
    pub mcp_method: Option<String>,
    /// The tool that the request calls. The tools of a batch are separated by commas.
    pub mcp_tool: Option<String>,
    /// The request's method.
    pub method: Arc<str>,
    /// The request's host, without port.
    pub host: Arc<str>,
    /// The request's path, without query.
    pub path: Arc<str>,
    /// The caller's address, as `client_address` determines it. Absent if it is unknown.
    pub source_ip: Option<String>,
    /// The request's `user-agent`.
    pub user_agent: Option<String>,
    /// The upstream cluster that the decision was made for. Present only if the configuration refers to
    /// clusters.
    pub cluster: Option<Arc<str>>,
    /// The name of the credential of the permit.
    pub credential: Option<Arc<str>>,
    /// The organization or resource group that is billed (`X-HF-Bill-To`).
    pub bill_to: Option<Arc<str>>,
    /// The id of the key that signed the token.
    pub kid: Option<Arc<str>>,
    /// How the signature was verified: `host`, `wasm` or `cache`.
    pub verified_by: Option<&'static str>,
    /// The digest of the configuration that decided.
    pub policy: Arc<str>,
    /// The status that the caller received. Absent if the caller disconnected before the response.
    pub status: Option<u16>,
    /// The upstream's status, which can differ from the caller's. Absent if the upstream did not answer.
    pub upstream_status: Option<u16>,
    /// The cluster that served the request. Present only if the configuration refers to clusters.
    pub upstream_cluster: Option<Arc<str>>,
    /// The time from the request's headers to the end of its response.
    pub duration_ms: Option<u64>,
    /// The token usage of the model's response. Absent if no model was called, the status is not 2xx, or usage is not
    /// read (`usage: false`).
    pub usage: Option<Usage>,
    /// True if texts were cut and claims omitted to fit the longest line of the host's log.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shortened: bool,
    #[serde(flatten)]
    pub link: Link,
    /// Whether the request was permitted but not served.
    #[serde(skip)]
    failed: bool,
}

/// The caller. Empty until the token's signature is verified.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct Caller {
    /// The name of the configured issuer.
    pub issuer: Option<Arc<str>>,
    /// The tenant.
    pub tid: Option<Arc<str>>,
    /// The caller's object id, or the claim that `claims.object` names.
    pub oid: Option<Arc<str>>,
    /// The subject.
    pub sub: Option<Arc<str>>,
    /// The client that requested the token (`azp`, `appid`).
    pub client: Option<Arc<str>>,
    /// `user`, `app` or `agent`.
    pub kind: Option<&'static str>,
    /// `agent` if an agent made the request, on its own behalf or on behalf of the user that the other fields
    /// identify.
    pub actor: Option<&'static str>,
    /// The blueprint of the agent (`xms_par_app_azp`).
    pub blueprint: Option<Arc<str>>,
    /// The token's id, as in Entra's sign-in logs.
    pub uti: Option<Arc<str>>,
    /// The session id.
    pub sid: Option<Arc<str>>,
    /// The additional claims that `audit.claims` lists.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}

/// A shadow rule that would have permitted or denied the request.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct ShadowEntry {
    /// The rule's name.
    pub rule: Arc<str>,
    /// `permit` or `deny`.
    pub would: &'static str,
}

impl Record {
    /// Notes the method, host and path of a request.
    pub fn describe_request(&mut self, method: &Arc<str>, host: &Arc<str>, path: &Arc<str>) {
        self.method = clip_shared(method);
        self.host = clip_shared(host);
        self.path = clip_shared(path);
    }

    /// Notes the readable parts of a request that is denied before it is parsed. `:authority` takes
    /// precedence over the header `host`.
    pub fn describe_unread(&mut self, headers: &Headers) {
        let text = |name| headers.text(name).unwrap_or_default();
        let path = text(":path").split('?').next().unwrap_or_default();
        let host = headers.text(":authority").unwrap_or_else(|| text("host"));
        self.describe_request(&text(":method").into(), &host.into(), &path.into());
    }

    /// Notes who sent the request, apart from the token.
    pub fn note_sender(&mut self, source: Option<IpAddr>, headers: &Headers) {
        self.source_ip = source.map(|address| address.to_canonical().to_string());
        let agent = headers.first("user-agent");
        self.user_agent =
            agent.map(|agent| clip_to(MAX_USER_AGENT, &String::from_utf8_lossy(agent)));
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

    pub fn note_messages(&mut self, mcp: &Mcp) {
        let messages = mcp.messages();
        self.mcp_method = distinct(messages.iter().map(|message| &*message.method));
        self.mcp_tool = distinct(
            messages
                .iter()
                .filter_map(|message| message.tool.as_deref()),
        );
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

    /// Notes a grant. `rule` is the rule that permits, if there is one.
    pub fn grant(&mut self, grant: Grant, rule: Option<&Arc<str>>) {
        self.code = grant.code();
        self.decision = "permit";
        self.rule = rule.cloned();
    }

    /// Notes the failure of a permitted request.
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

    /// Whether the request was denied, or permitted but not served.
    pub fn is_unserved(&self) -> bool {
        self.decision == "deny" || self.failed
    }

    /// Closes the record with the duration of the request.
    pub fn close(&mut self, took: Duration) {
        self.duration_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}

impl Caller {
    /// Returns the ids in verified claims, and the additional claims that are configured.
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
            actor: claims.actor.and_then(Actor::name),
            blueprint: clip(&claims.blueprint),
            uti: clip(&claims.token_id),
            sid: clip(&claims.session),
            claims: extra.collect(),
        }
    }
}

/// Returns the record's JSON Schema (2020-12).
#[cfg(not(target_family = "wasm"))]
pub fn schema() -> Value {
    crate::json::schema::written::<Record>(
        &format!("urn:entragate:audit-record:{VERSION}"),
        &format!("entragate audit record, version {VERSION}"),
    )
}

/// Starts a record when a request arrives.
pub fn open(now: Timestamp, policy: &Arc<str>) -> Record {
    Record {
        time: now.to_rfc3339(),
        policy: policy.clone(),
        ..Record::default()
    }
}

/// Joins the distinct texts in their order; `None` if there are none.
fn distinct<'t>(texts: impl Iterator<Item = &'t str>) -> Option<String> {
    let mut found: Vec<&str> = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    (!found.is_empty()).then(|| clip(&found.join(",")))
}

fn clip(text: &str) -> String {
    clip_to(MAX_TEXT, text)
}

fn clip_to(longest: usize, text: &str) -> String {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

fn clip_shared(text: &Arc<str>) -> Arc<str> {
    if text.len() > MAX_TEXT {
        clip(text).into()
    } else {
        text.clone()
    }
}

fn clip_value(value: Value) -> Value {
    match value {
        Value::String(text) => clip(&text).into(),
        other if other.to_string().len() > MAX_TEXT => "(too long)".into(),
        other => other,
    }
}
