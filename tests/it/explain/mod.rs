//! `entragate explain` shows the gate's decision and its reasons.

use crate::command_line as cli;
mod given;
use crate::support;
mod output;

use cli::{explain, file};
use entragate::fetch::callout::Answer;
use entragate::gate::Step;
use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::{Persona, SCIENTISTS_GROUP};

/// A configuration with an example of every kind of rule that `explain` shows.
fn policy() -> Value {
    let mut settings = settings();
    let corp = json!({"source": ["10.0.0.0/8"]});
    let late = json!({"time": {"from": "18:00", "to": "08:00"}});
    settings["rules"] = json!([
        {"name": "health", "match": {"methods": ["GET"], "paths": ["/health"]}, "anonymous": true},
        {"name": "contractors", "match": {}, "require": {"all": [{"role": "Contractor"}, {"not": late}]}, "effect": "deny"},
        {"name": "watched", "match": {"models": ["meta-llama/*"]}, "require": {"kind": "app"}, "effect": "deny", "mode": "shadow"},
        {"name": "secret", "match": {"paths": ["/secret"]}, "require": {"auth_context": "c1"}, "credential": "hf-read"},
        {"name": "llama", "match": {"methods": ["POST"], "paths": ["/v1/**"], "models": ["meta-llama/*"]},
         "require": {"any": [{"role": "Model.Query"}, {"group": SCIENTISTS_GROUP}]}, "credential": "hf-read"},
        {"name": "corp", "match": {"paths": ["/generate"]}, "require": {"all": [corp, {"kind": "user"}]}, "credential": "hf-read"},
        {"name": "sidecar", "match": {"paths": ["/embed"]}, "require": {"peer": "spiffe://contoso/*"}, "credential": "hf-read"},
    ]);
    settings["replies"] = json!({"protected_resource": {"resource": "https://hf.contoso.com"}});
    settings
}

/// 2026-11-23T12:00:00Z.
const NOON: u64 = 1_795_435_200;

struct Request {
    request: &'static str,
    body: Option<&'static str>,
    source: Option<&'static str>,
    peer: Option<&'static str>,
}

/// Returns the code of the gate's decision.
fn decision_of_gate(bench: &mut Bench, request_case: &Request, token: Option<&str>) -> String {
    bench.properties.clear();
    let source = request_case
        .source
        .map(|source| ("source.address", format!("{source}:0")));
    let peer = request_case
        .peer
        .map(|peer| ("connection.uri_san_peer_certificate", peer.to_owned()));
    for (path, value) in source.into_iter().chain(peer) {
        bench.properties.insert(path.to_owned(), value.into_bytes());
    }
    let (method, path) = request_case.request.split_once(' ').unwrap();
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut fields = vec![
        (":method", method),
        (":path", path),
        (":authority", "localhost"),
    ];
    fields.extend(
        authorization
            .iter()
            .map(|value| ("authorization", value.as_str())),
    );
    fields.extend(
        request_case
            .body
            .iter()
            .map(|_| ("content-type", "application/json")),
    );
    let mut headers = entragate::http::headers::Headers::from_iter(fields);
    headers.is_all = request_case.body.is_none();
    let (id, mut ruling) = bench.send_headers(headers);
    if ruling.step == Step::Inspect {
        let body = request_case.body.map(str::as_bytes);
        let signatures = &entragate::token::signature::Portable;
        ruling = bench
            .gate
            .body(id, body, true, bench.now, signatures)
            .unwrap();
    }
    code_of(&ruling)
}

#[test]
fn explain_and_the_gate_agree() {
    let request_for = |request| Request {
        request,
        body: None,
        source: None,
        peer: None,
    };
    let cases = [
        request_for("GET /health"),
        request_for("GET /.well-known/oauth-protected-resource"),
        request_for("GET /v1/models"),
        request_for("GET /v1/../models"),
        Request {
            body: Some(r#"{"model":"meta-llama/x"}"#),
            ..request_for("POST /v1/chat/completions")
        },
        Request {
            body: Some(r#"{"model":"openai/x"}"#),
            ..request_for("POST /v1/chat/completions")
        },
        Request {
            body: Some(r#"{"messages":[]}"#),
            ..request_for("POST /v1/chat/completions")
        },
        request_for("POST /secret"),
        request_for("POST /generate"),
        Request {
            source: Some("10.0.0.1"),
            ..request_for("POST /generate")
        },
        Request {
            source: Some("11.0.0.1"),
            ..request_for("POST /generate")
        },
        request_for("POST /embed"),
        Request {
            peer: Some("spiffe://contoso/a"),
            ..request_for("POST /embed")
        },
    ];
    let tokens: Vec<Option<String>> = Persona::ALL
        .into_iter()
        .map(|persona| Some(Token::at(persona, NOON).build()))
        .chain([None, Some("x.y.z".to_owned())])
        .collect();
    let settings = policy();
    let set = jwks(&[&keys::rsa()]);
    let Answer::Response { body, .. } = &set else {
        panic!()
    };
    let keys = file(".json", std::str::from_utf8(body).unwrap());
    let mut bench = Bench::cold_at(&settings, NOON);
    bench.answer(set.clone());
    for token in &tokens {
        let token_file = file(".jwt", token.as_deref().unwrap_or_default());
        for request_case in &cases {
            let mut arguments = vec![
                "--request",
                request_case.request,
                "--time",
                "2026-11-23T12:00:00Z",
            ];
            arguments.extend(["--jwks", keys.path().to_str().unwrap()]);
            if token.is_some() {
                arguments.extend(["--token-file", token_file.path().to_str().unwrap()]);
            }
            for (name, value) in [
                ("--body", request_case.body),
                ("--source", request_case.source),
                ("--peer", request_case.peer),
            ] {
                arguments.extend(value.iter().flat_map(|value| [name, *value]));
            }
            let (status, explained) = explain(&settings, &arguments);
            let code = decision_of_gate(&mut bench, request_case, token.as_deref());
            assert_eq!(explained["code"], code, "{arguments:?}");
            let expected = if explained["decision"] == "deny" {
                3
            } else {
                0
            };
            assert_eq!(status, expected, "{arguments:?}");
        }
    }
}
