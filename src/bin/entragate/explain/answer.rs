//! The gate's decision, and the result of each rule.

use super::keys::AnySignature;
use super::question::Question;
use super::token::TokenFacts;
use entragate::config::Config;
use entragate::fetch::callout;
use entragate::gate::{CallId, Gate, Notice, Step, StreamId};
use entragate::logic::Truth;
use entragate::policy::rule::{Field, Mode};
use entragate::policy::trace::{ClauseTrace, RuleKind, RuleTrace};
use entragate::time::Timestamp;
use entragate::token::signature::{Portable, SignatureCheck};
use serde_json::{Map, Value, json};

pub struct Answer {
    /// The audit record that the filter would write.
    pub record: Map<String, Value>,
    /// The status of the gateway's own reply; `None` if the request is forwarded.
    pub status: Option<u16>,
    pub challenge: Option<String>,
    /// Whether the token's signature was verified.
    pub is_verified: bool,
    /// The content of the token, if the request has one.
    pub token: Option<TokenFacts>,
    pub rules: Vec<RuleTrace>,
}

/// Passes the request through the filter's gate. Returns `None` if the gate waits for keys.
pub fn of(
    config: Config,
    question: Question,
    token: Option<TokenFacts>,
    unverified: bool,
) -> Option<Answer> {
    let signatures: &dyn SignatureCheck = match unverified {
        true => &AnySignature,
        false => &Portable,
    };
    let mut simulation = Simulation::new(config, question.now);
    simulation.gate.keep_trace();
    let answer = simulation.pass(question, signatures)?;
    Some(Answer {
        is_verified: !unverified,
        token,
        ..answer
    })
}

/// A gate without a proxy.
pub struct Simulation {
    pub gate: Gate,
    last: StreamId,
}

impl Simulation {
    pub fn new(config: Config, now: Timestamp) -> Self {
        Self {
            gate: Gate::new(config, now),
            last: 0,
        }
    }

    /// Passes one request. Returns `None` if the gate waits for keys.
    pub fn pass(
        &mut self,
        mut question: Question,
        signatures: &dyn SignatureCheck,
    ) -> Option<Answer> {
        self.last += 1;
        let (gate, id, now) = (&mut self.gate, self.last, question.now);
        let headers = std::mem::take(&mut question.headers);
        let connection = gate.wanted().read(&|path| question.property(path));
        let mut ruling = gate.begin(id, headers, connection, now, signatures);
        if ruling.step == Step::Inspect {
            ruling = gate.body(id, question.body.as_deref(), true, now, signatures)?;
        }
        while ruling.step == Step::Wait && answer_calls(gate, &question) {
            ruling = gate.resume(id, now, signatures)?;
            if ruling.step == Step::Inspect {
                ruling = gate.body(id, question.body.as_deref(), true, now, signatures)?;
            }
        }
        let (status, challenge) = match &ruling.step {
            Step::Wait | Step::Inspect => return None,
            Step::Forward(_) => (None, None),
            Step::Reply(reply) => {
                let mut headers = reply.headers.iter();
                let found = headers.find(|(name, _)| *name == "www-authenticate");
                (
                    Some(reply.status),
                    found.map(|(_, value)| value.to_string()),
                )
            }
        };
        gate.finish(id, status, now);
        let record = gate
            .take_notices()
            .into_iter()
            .find_map(|notice| match notice {
                Notice::Audit(_, line) => serde_json::from_str(&line).ok(),
                Notice::Count(_) | Notice::Add(..) | Notice::Observe(..) | Notice::Log(..) => None,
            })?;
        Some(Answer {
            record,
            status,
            challenge,
            is_verified: false,
            token: None,
            rules: gate.take_trace(),
        })
    }
}

/// Answers the gate's calls in place of the services. Microsoft Graph returns the groups of `--groups`. Hugging Face
/// returns a token for every user, because membership is unknown here. Returns whether there was a call to answer.
fn answer_calls(gate: &mut Gate, question: &Question) -> bool {
    gate.tick(question.now);
    let mut is_answered = false;
    for call in gate.take_calls() {
        let body = match call.call_id {
            CallId::Groups { .. } => json!({"value": question.groups.0}),
            CallId::Credential(_) => json!({"access_token": "unset", "token_type": "bearer"}),
            CallId::Keys { .. }
            | CallId::Revocation(_)
            | CallId::Directory { .. }
            | CallId::ServiceToken { .. }
            | CallId::Export(_) => continue,
        };
        let answer = callout::Answer::of(200, None, body.to_string().into_bytes());
        gate.answered(call.call_id, answer, question.now);
        is_answered = true;
    }
    is_answered
}

impl Answer {
    /// A field of the record; empty if it is null.
    pub fn text(&self, member: &str) -> &str {
        let value = self.record.get(member).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    pub fn is_anonymous(&self) -> bool {
        self.text("code") == "anonymous"
    }

    /// Whether the request is forwarded. False if the gateway refuses it after a permit.
    pub fn is_permit(&self) -> bool {
        self.is_anonymous() || self.text("code") == "permitted"
    }

    pub fn is_denied(&self) -> bool {
        self.text("decision") == "deny"
    }

    pub fn json(&self) -> Value {
        let members = [
            "decision",
            "code",
            "reason",
            "rule",
            "credential",
            "bill_to",
            "model",
            "mcp_method",
            "mcp_tool",
            "cluster",
            "shadow",
        ];
        let mut json = self.members(&members);
        let caller = [
            "issuer",
            "tid",
            "oid",
            "sub",
            "client",
            "kind",
            "actor",
            "blueprint",
        ];
        json.insert("caller".into(), self.members(&caller).into());
        let token = self.token.as_ref().map(TokenFacts::json);
        json.insert("token".into(), token.into());
        json.insert("status".into(), self.status.into());
        json.insert("challenge".into(), self.challenge.clone().into());
        json.insert("signature_checked".into(), self.is_verified.into());
        json.insert("rules".into(), self.rules.iter().map(rule).collect());
        json.into()
    }

    /// Returns these members of the record; absent members are null.
    fn members(&self, names: &[&str]) -> Map<String, Value> {
        let value = |name: &str| self.record.get(name).cloned().unwrap_or_default();
        let pairs = names.iter().map(|name| ((*name).to_owned(), value(name)));
        pairs.collect()
    }
}

fn rule(trace: &RuleTrace) -> Value {
    json!({
        "rule": &*trace.rule,
        "effect": kind(trace.kind),
        "mode": match trace.mode {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
        },
        "matches": trace.matches,
        "mismatch": trace.mismatch.map(Field::name),
        "require": trace.require.as_ref().map(clause),
    })
}

fn clause(trace: &ClauseTrace) -> Value {
    let mut json = json!({"clause": trace.text, "holds": truth(trace.truth)});
    if let (Some(similar), Some(members)) = (&trace.similar, json.as_object_mut()) {
        members.insert("similar".to_owned(), similar.as_str().into());
    }
    if let (false, Some(members)) = (trace.parts.is_empty(), json.as_object_mut()) {
        let parts = trace.parts.iter().map(clause).collect();
        members.insert("parts".to_owned(), parts);
    }
    json
}

/// True, false, or null if the requirement is indeterminate.
fn truth(truth: Truth) -> Option<bool> {
    match truth {
        Truth::Satisfied => Some(true),
        Truth::Unsatisfied => Some(false),
        Truth::Indeterminate => None,
    }
}

pub fn kind(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Anonymous => "anonymous",
        RuleKind::Allow => "allow",
        RuleKind::Deny => "deny",
    }
}
