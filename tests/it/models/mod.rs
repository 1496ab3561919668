//! Rules by model: the sources of the model, the requests that wait for the body, and the decisions.

mod any_order;
mod decided;
mod inspected;
mod limits;
use crate::support;
mod without_content;

use entragate::gate::{Notice, Ruling, Step, StreamId};
use entragate::token::signature::Portable;
use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;

/// Deny `secret/*`; allow `meta/*` to callers with the role, and everything to administrators.
fn by_model() -> Value {
    let mut settings = settings();
    settings["endpoints"] = json!([
        {"hosts": ["llama.contoso.com"], "model": "meta/llama"},
        {"hosts": ["secret.contoso.com"], "model": "Secret/One"},
        {"paths": ["/only/path/**"], "model_from": "path"},
        {"paths": ["/models/body/**"], "model_from": "body"},
        {"paths": ["/models/**", "/hf-inference/**"], "model_from": "path"},
        {"paths": ["/v1/**", "/open", "/demo", "/only"], "model_from": "body"},
    ]);
    settings["rules"] = json!([
        {"name": "demo", "match": {"paths": ["/demo"], "models": ["tiny/*"]}, "anonymous": true},
        {"name": "no-secrets", "match": {"models": ["secret/*"]}, "require": {"role": "Model.Query"},
         "effect": "deny"},
        {"name": "open", "match": {"paths": ["/open"]}, "require": {"role": "Model.Query"}, "credential": "hf-read"},
        {"name": "llama", "match": {"methods": ["POST"], "models": ["meta/*"]},
         "require": {"role": "Model.Query"}, "credential": "hf-read"},
        {"name": "admins", "match": {"paths": ["/v1/**"]}, "require": {"role": "Admin"}, "credential": "hf-read"},
    ]);
    // Most tests here are about slow bodies; timeouts are tested in `limits`.
    settings["limits"] = json!({"body_inspected": 1000, "inspection_timeout": "1h"});
    settings
}

/// A request and its body, passed to the gate as the host does: first the headers, then pieces of the body.
struct Sent<'a> {
    path: &'a str,
    host: &'a str,
    content_type: &'a str,
    body: Option<&'a [u8]>,
    token: Option<String>,
}

fn sent<'a>(path: &'a str, body: &'a str) -> Sent<'a> {
    Sent {
        path,
        host: "gateway.contoso.com",
        content_type: "application/json",
        body: Some(body.as_bytes()),
        token: Some(ada().build()),
    }
}

impl Sent<'_> {
    fn begin(&self, bench: &mut Bench) -> (StreamId, Ruling) {
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = entragate::http::headers::Headers::from_iter([
            (":method", "POST"),
            (":path", self.path),
            (":authority", self.host),
            ("content-type", self.content_type),
        ]);
        if let Some(authorization) = &authorization {
            headers.push(b"authorization", authorization.as_bytes());
        }
        headers.is_all = self.body.is_none();
        bench.send_headers(headers)
    }

    /// Returns the code, whether the body was read, and the recorded model.
    fn end(&self, bench: &mut Bench) -> (String, bool, Value) {
        let (id, mut ruling) = self.begin(bench);
        let inspected = ruling.step == Step::Inspect;
        if inspected {
            ruling = feed(bench, id, self.body.unwrap_or_default(), 7)
                .expect("there is a decision at the end of the body");
        }
        let code = code_of(&ruling);
        bench.gate.finish(id, Some(200), bench.now);
        let records = bench.audit();
        (
            code,
            inspected,
            records
                .last()
                .map_or(Value::Null, |record| record["model"].clone()),
        )
    }
}

/// Passes the body in pieces of this size. The decision must come with the last piece, except for a denial.
fn feed(bench: &mut Bench, id: StreamId, body: &[u8], size: usize) -> Option<Ruling> {
    let before = bench.gate.is_permitted(id);
    for piece in body.chunks(size) {
        let ruling = bench
            .gate
            .body(id, Some(piece), false, bench.now, &Portable);
        if let Some(ruling) = ruling {
            assert!(
                matches!(ruling.step, Step::Reply(_)),
                "only a denial may come before the end"
            );
            return Some(ruling);
        }
        assert_eq!(bench.gate.is_permitted(id), before);
    }
    bench.gate.body(id, Some(b""), true, bench.now, &Portable)
}

fn body(model: &str) -> String {
    json!({"messages": [{"content": "x"}], "model": model}).to_string()
}
