//! A gate without a host: the test supplies requests, responses and time.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod case;

use entragate::config::{self, Config};
use entragate::fetch::callout::Answer;
use entragate::gate::{Call, CallId, Gate, Notice, Return, Returned, Ruling, Step, StreamId};
use entragate::http::headers::Headers;
use entragate::keys::jwk::Key;
use entragate::reply::Reply;
use entragate::time::Timestamp;
use entragate::token::jws::Unverified;
use entragate::token::signature::{CheckedBy, Portable, SignatureCheck};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testbed::keys::{self, SigningKey};
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::persona::{AUDIENCE, AUDIENCE_URI, TENANT, issuer_v2};

/// The credential of these tests, the only one that the upstream receives.
pub const CREDENTIAL: &str = "hf_credential_of_the_tests";

/// The default policy of the tests: Contoso, one credential, one rule.
pub fn settings() -> Value {
    json!({
        "issuers": [{
            "name": "contoso",
            "entra": {"tenants": [TENANT]},
            "audiences": [AUDIENCE, AUDIENCE_URI],
            "jwks": {"cluster": "entra"},
        }],
        "credentials": [{"name": "hf-read", "value": CREDENTIAL}],
        "rules": [
            {"name": "health", "match": {"methods": ["GET"], "paths": ["/health"]}, "anonymous": true},
            {"name": "scientists", "match": {"paths": ["/v1/**"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
        ],
    })
}

/// The default settings with these rules; each rule uses the default credential unless it sets its own.
pub fn with_rules(rules: Value) -> Value {
    let mut settings = settings();
    settings["rules"] = rules;
    for rule in settings["rules"].as_array_mut().unwrap() {
        let rule = rule.as_object_mut().unwrap();
        if rule.get("effect").is_none() && rule.get("anonymous").is_none() {
            rule.entry("credential").or_insert(json!("hf-read"));
        }
        rule.entry("match").or_insert(json!({}));
    }
    settings
}

pub fn load(settings: &Value) -> Config {
    let env = |name: &str| (name == "HF_OAUTH_SECRET").then(|| "oauth-secret".to_owned());
    config::load(settings.to_string().as_bytes(), &env).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Accepts every signature.
pub struct Trusting;

impl SignatureCheck for Trusting {
    fn check(&self, _: &Unverified<'_>, _: &Key) -> Option<CheckedBy> {
        Some(CheckedBy::Host)
    }
}

/// A gate, its clock, and its calls so far.
pub struct Bench {
    pub gate: Gate,
    pub now: Timestamp,
    pub calls: Vec<Call>,
    /// The connection properties that the host reports, by dotted path.
    pub properties: BTreeMap<String, Vec<u8>>,
    next: StreamId,
}

impl Bench {
    /// A gate without keys.
    pub fn cold(settings: &Value) -> Self {
        Self::cold_at(settings, testbed::mint::now())
    }

    /// A gate without keys at the given time, in seconds since 1970.
    pub fn cold_at(settings: &Value, now: u64) -> Self {
        let now = Timestamp::from_secs(now);
        let gate = Gate::new(load(settings), now);
        let mut bench = Self {
            gate,
            now,
            calls: Vec::new(),
            properties: BTreeMap::new(),
            next: 1,
        };
        bench.tick();
        bench
    }

    /// A gate with the default keys of its only issuer.
    pub fn warm(settings: &Value) -> Self {
        let mut bench = Self::cold(settings);
        let is_keys = |call: &Call| matches!(call.call_id, CallId::Keys { .. });
        let position = bench.calls.iter().position(is_keys).unwrap();
        bench.calls[..=position].rotate_right(1);
        bench.answer(jwks(&[&keys::rsa()]));
        bench
    }

    pub fn advance(&mut self, secs: u64) {
        self.now = self.now.plus(std::time::Duration::from_secs(secs));
        self.tick();
    }

    pub fn tick(&mut self) {
        self.gate.tick(self.now);
        self.calls.extend(self.gate.take_calls());
    }

    /// Answers the oldest pending call.
    pub fn answer(&mut self, answer: Answer) {
        let call = self.calls.remove(0);
        self.gate.answered(call.call_id, answer, self.now);
        self.calls.extend(self.gate.take_calls());
    }

    /// Answers all pending calls with the same response.
    pub fn answer_all(&mut self, answer: impl Fn() -> Answer) {
        for call in std::mem::take(&mut self.calls) {
            self.gate.answered(call.call_id, answer(), self.now);
        }
        self.calls.extend(self.gate.take_calls());
    }

    pub fn send(&mut self, fields: &[(&str, &str)]) -> (StreamId, Ruling) {
        self.send_headers(Headers::from_iter(fields.iter().copied()))
    }

    pub fn send_headers(&mut self, headers: Headers) -> (StreamId, Ruling) {
        let id = self.next;
        self.next += 1;
        let property = |path: &str| self.properties.get(&path.replace('\0', ".")).cloned();
        let connection = self.gate.wanted().read(&property);
        let ruling = self
            .gate
            .begin(id, headers, connection, self.now, &Portable);
        self.calls.extend(self.gate.take_calls());
        (id, ruling)
    }

    /// Sends a chat request with the token.
    pub fn chat(&mut self, token: &str) -> (StreamId, Ruling) {
        let authorization = format!("Bearer {token}");
        self.send(&[
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "gateway.contoso.com"),
            ("authorization", &authorization),
        ])
    }

    /// Sends a chat request with the token, with another implementation of signature verification.
    pub fn chat_by(&mut self, token: &str, signatures: &dyn SignatureCheck) -> (StreamId, Ruling) {
        let authorization = format!("Bearer {token}");
        let headers = Headers::from_iter([
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "gateway.contoso.com"),
            ("authorization", &authorization),
        ]);
        let (id, connection) = (self.next, Default::default());
        self.next += 1;
        (
            id,
            self.gate
                .begin(id, headers, connection, self.now, signatures),
        )
    }

    /// Returns the log lines since the last call, without audit records.
    pub fn logs(&mut self) -> Vec<String> {
        let notices = self.gate.take_notices().into_iter();
        let logs = notices.filter_map(|notice| match notice {
            Notice::Log(_, text) => Some(text),
            Notice::Audit(..) | Notice::Count(_) | Notice::Add(..) | Notice::Observe(..) => None,
        });
        logs.collect()
    }

    /// Sends a chat request and returns the code of its outcome: `permitted`, `anonymous`, `waiting`, or that of the denial.
    pub fn code(&mut self, token: &str) -> String {
        let (id, ruling) = self.chat(token);
        let code = code_of(&ruling);
        self.gate.finish(id, Some(200), self.now);
        code
    }

    /// Resumes all woken requests in order. Returns their ids and codes.
    pub fn resume_woken(&mut self) -> Vec<(StreamId, String)> {
        let woken = self.gate.take_wakeups();
        let resumed = woken
            .into_iter()
            .filter_map(|id| Some((id, self.gate.resume(id, self.now, &Portable)?)))
            .map(|(id, ruling)| (id, code_of(&ruling)))
            .collect();
        self.calls.extend(self.gate.take_calls());
        resumed
    }

    /// Returns the audit records since the last call.
    pub fn audit(&mut self) -> Vec<Value> {
        self.gate
            .take_notices()
            .into_iter()
            .filter_map(|notice| match notice {
                Notice::Audit(_, line) => {
                    Some(serde_json::from_str(&line).expect("an audit record is JSON"))
                }
                Notice::Count(_) | Notice::Add(..) | Notice::Observe(..) | Notice::Log(..) => None,
            })
            .collect()
    }
}

pub fn code_of(ruling: &Ruling) -> String {
    match &ruling.step {
        Step::Wait => "waiting".to_owned(),
        Step::Inspect => "inspecting".to_owned(),
        Step::Forward(_) | Step::Reply(_) => {
            let mark = ruling
                .marks
                .iter()
                .find(|(name, _)| *name == "entragate.code");
            mark.map(|(_, code)| code.to_string())
                .expect("a decision has a detail with its code")
        }
    }
}

pub fn reply_of(ruling: &Ruling) -> &Reply {
    match &ruling.step {
        Step::Reply(reply) => reply,
        other => panic!("expected a reply, found {other:?}"),
    }
}

/// Returns a header of the reply.
pub fn header_of(ruling: &Ruling, name: &str) -> Option<String> {
    let headers = &reply_of(ruling).headers;
    let found = headers.iter().find(|(header, _)| *header == name);
    found.map(|(_, value)| value.to_string())
}

/// Returns a gate with these settings and environment after its first tick, and the time of that tick.
pub fn started_gate(settings: &Value, env: &dyn Fn(&str) -> Option<String>) -> (Gate, Timestamp) {
    let config = config::load(settings.to_string().as_bytes(), env).unwrap();
    let now = Timestamp::from_secs(testbed::mint::now());
    let mut gate = Gate::new(config, now);
    gate.tick(now);
    (gate, now)
}

/// Returns the JSON body that replaces the upstream's, whose length and tag no longer apply.
pub fn rewritten(returned: Returned) -> Value {
    let Return::Rewrite { edits, body } = returned.step else {
        panic!("{returned:?}")
    };
    assert!(returned.remove.contains(&"etag"));
    let mut edits = edits.iter();
    let length = edits.find(|edit| edit.name == "content-length").unwrap();
    assert_eq!(length.value, body.len().to_string());
    serde_json::from_str(&body).unwrap()
}

/// Returns the headers that are set on a permitted request, except for a new `traceparent`.
pub fn edits_of(ruling: &Ruling) -> Vec<(String, String)> {
    match &ruling.step {
        Step::Forward(edits) => edits
            .iter()
            .filter(|edit| edit.name != "traceparent")
            .map(|edit| (edit.name.to_string(), edit.value.clone()))
            .collect(),
        other => panic!("expected a forwarded request, found {other:?}"),
    }
}

/// Returns a key set in the form in which Entra publishes it for the tenant.
pub fn jwks(keys: &[&SigningKey]) -> Answer {
    let issuer = issuer_v2(TENANT);
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| key.to_entra_jwk("microsoftonline.com", Some(&issuer)))
        .collect();
    ok(json!({ "keys": keys }))
}

pub fn ok(body: Value) -> Answer {
    Answer::Response {
        status: 200,
        body: body.to_string().into_bytes(),
    }
}

pub fn ada() -> Token {
    Token::of(Persona::Ada)
}
