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

/// A configuration with an example of everything that explain shows.
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

struct Asked {
    request: &'static str,
    body: Option<&'static str>,
    source: Option<&'static str>,
    peer: Option<&'static str>,
}

/// The code of the gate's decision.
fn live(bench: &mut Bench, asked: &Asked, token: Option<&str>) -> String {
    bench.properties.clear();
    let source = asked
        .source
        .map(|source| ("source.address", format!("{source}:0")));
    let peer = asked
        .peer
        .map(|peer| ("connection.uri_san_peer_certificate", peer.to_owned()));
    for (path, value) in source.into_iter().chain(peer) {
        bench.properties.insert(path.to_owned(), value.into_bytes());
    }
    let (method, path) = asked.request.split_once(' ').unwrap();
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
        asked
            .body
            .iter()
            .map(|_| ("content-type", "application/json")),
    );
    let mut headers = entragate::http::headers::Headers::from_iter(fields);
    headers.is_all = asked.body.is_none();
    let (id, mut ruling) = bench.send_headers(headers);
    if ruling.step == Step::Inspect {
        let body = asked.body.map(str::as_bytes);
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
    let asked = |request| Asked {
        request,
        body: None,
        source: None,
        peer: None,
    };
    let cases = [
        asked("GET /health"),
        asked("GET /.well-known/oauth-protected-resource"),
        asked("GET /v1/models"),
        asked("GET /v1/../models"),
        Asked {
            body: Some(r#"{"model":"meta-llama/x"}"#),
            ..asked("POST /v1/chat/completions")
        },
        Asked {
            body: Some(r#"{"model":"openai/x"}"#),
            ..asked("POST /v1/chat/completions")
        },
        Asked {
            body: Some(r#"{"messages":[]}"#),
            ..asked("POST /v1/chat/completions")
        },
        asked("POST /secret"),
        asked("POST /generate"),
        Asked {
            source: Some("10.0.0.1"),
            ..asked("POST /generate")
        },
        Asked {
            source: Some("11.0.0.1"),
            ..asked("POST /generate")
        },
        asked("POST /embed"),
        Asked {
            peer: Some("spiffe://contoso/a"),
            ..asked("POST /embed")
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
        for asked in &cases {
            let mut arguments = vec!["--request", asked.request, "--time", "2026-11-23T12:00:00Z"];
            arguments.extend(["--jwks", keys.path().to_str().unwrap()]);
            if token.is_some() {
                arguments.extend(["--token-file", token_file.path().to_str().unwrap()]);
            }
            for (name, value) in [
                ("--body", asked.body),
                ("--source", asked.source),
                ("--peer", asked.peer),
            ] {
                arguments.extend(value.iter().flat_map(|value| [name, *value]));
            }
            let (status, explained) = explain(&settings, &arguments);
            let code = live(&mut bench, asked, token.as_deref());
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
