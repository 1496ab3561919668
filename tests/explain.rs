//! `entragate explain`: says what the gate does, and why.

#[path = "support/cli.rs"]
mod cli;
mod support;

use cli::{Outcome, entragate, explain, file};
use entragate::callout::Answer;
use entragate::gate::Step;
use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::{Persona, SCIENTISTS_GROUP};

/// One of everything that explain must get right.
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

/// The code, by the gate.
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
    let mut headers = entragate::request::Headers::from_iter(fields);
    headers.is_all = asked.body.is_none();
    let (id, mut ruling) = bench.send_headers(headers);
    if ruling.step == Step::Inspect {
        let body = asked.body.map(str::as_bytes);
        let signatures = &entragate::token::signature::JwtSimple;
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

#[test]
fn the_reasons_are_told_clause_by_clause() {
    let token = Token::at(Persona::Olga, NOON).build();
    let arguments = [
        "--unverified",
        "--token",
        &token,
        "--time",
        "2026-11-23T12:00:00Z",
    ];
    let chat = [
        "--request",
        "POST /v1/chat/completions",
        "--body",
        r#"{"model":"meta-llama/x"}"#,
    ];
    let all = [&["explain", "-"], &arguments[..], &chat[..]].concat();
    let Outcome { status, out, err } = entragate(&all, &policy().to_string());
    assert_eq!((status, err.as_str()), (3, ""));
    let expected = format!("\
denied: groups_overage, status 403
  Rule llama asks for a group, but you are in too many for your token to list them; ask your administrator for an app role instead
  rule: llama
  model: meta-llama/x
  WWW-Authenticate: Bearer realm=\"hf\", error=\"insufficient_scope\", error_description=\"Rule llama asks for a group, but you are in too many for your token to list them; ask your administrator for an app role instead\", resource_metadata=\"https://hf.contoso.com/.well-known/oauth-protected-resource\"
caller (nobody has checked the signature):
  issuer: contoso
  tenant: 72f988bf-86f1-41af-91ab-2d7cd011db47
  object id: 0d9c8b7a-6f5e-4d3c-8b2a-190807060504
  client: 2f3a7c1e-5b0d-4d57-9c1f-0c8e6f1b7a42
  kind: user
rules, in the order in which they are asked:
  health (anonymous): is not about this request
  contractors (deny): does not deny
    no  all of
      no  role 'Contractor'
      yes not
        no  the time 18:00 to 08:00 UTC
  watched (deny): does not deny (in shadow: without effect)
    no  a caller of kind 'app'
  secret (allow): is not about this request
  llama (allow): can't be told to hold or not, and so does not permit
    ?   any of
      no  role 'Model.Query'
      ?   group '{SCIENTISTS_GROUP}'
  corp (allow): is not about this request
  sidecar (allow): is not about this request
");
    assert_eq!(out, expected);

    let batch = Token::at(Persona::Batch, NOON).build();
    let arguments = [
        "--unverified",
        "--token",
        &batch,
        "--time",
        "2026-11-23T12:00:00Z",
    ];
    let (status, json) = explain(&policy(), &[&arguments[..], &chat[..]].concat());
    assert_eq!(status, 0);
    assert_eq!(
        (&json["code"], &json["rule"]),
        (&json!("permitted"), &json!("llama"))
    );
    assert_eq!(
        json["shadow"],
        json!([{"rule": "watched", "would": "deny"}])
    );
    assert_eq!(json["signature_checked"], false);
    assert_eq!(json["caller"]["kind"], "app");
    let llama = &json["rules"][4];
    assert_eq!(llama["require"]["holds"], true);
    assert_eq!(
        llama["require"]["parts"][1],
        json!({"clause": format!("group '{SCIENTISTS_GROUP}'"), "holds": false})
    );
}

#[test]
fn graph_s_answer_is_given_and_else_there_is_none() {
    let mut settings = policy();
    let auth =
        json!({"managed_identity": {"cluster": "imds", "resource": "https://graph.microsoft.com"}});
    settings["issuers"][0]["groups_overage"] = json!({"graph": {"cluster": "graph", "auth": auth}});
    let token = Token::of(Persona::Olga).build();
    let given = [
        "explain",
        "-",
        "--json",
        "--unverified",
        "--token",
        &token,
        "--request",
        "POST /v1/chat/completions",
        "--body",
        r#"{"model":"meta-llama/x"}"#,
    ];
    let both = format!(
        "{}, bbbbbbbb-0000-4000-8000-000000000001",
        SCIENTISTS_GROUP.to_uppercase()
    );
    for (groups, code, warning) in [
        (
            None,
            "groups_overage",
            "say with --groups what it would answer",
        ),
        (Some(""), "rule_unsatisfied", ""),
        (Some(SCIENTISTS_GROUP), "permitted", ""),
        (Some(&both), "permitted", ""),
    ] {
        let groups = groups.map(|groups| format!("--groups={groups}"));
        let all: Vec<&str> = given.into_iter().chain(groups.as_deref()).collect();
        let Outcome { out, err, .. } = entragate(&all, &settings.to_string());
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["code"], code, "{groups:?}");
        assert!(
            err.contains(warning) && (err.is_empty() == warning.is_empty()),
            "{err}"
        );
    }
    let all = [&given[..], &["--groups=sales"]].concat();
    let Outcome { status, err, .. } = entragate(&all, &settings.to_string());
    assert_eq!(status, 2);
    assert!(err.contains("sales is no group"), "{err}");
    let all = [&given[..], &["--groups="]].concat();
    let Outcome { err, .. } = entragate(&all, &policy().to_string());
    assert!(err.contains("--groups tells nothing"), "{err}");
}

/// Whatever signs for an issuer, a rule can be tried without its keys.
#[test]
fn unverified_takes_every_algorithm_and_still_checks_the_rest() {
    let mut settings = settings();
    settings["issuers"][0] = json!({
        "name": "idp", "oidc": {"issuer": "https://idp"}, "audiences": ["hf"],
        "algorithms": ["RS256", "PS384", "ES256", "ES384", "EdDSA"],
        "jwks": {"cluster": "idp", "uri": "https://idp/keys"},
    });
    settings["rules"] =
        json!([{"name": "all", "require": {"issuer": "idp"}, "credential": "hf-read"}]);
    let claims = |aud: &str| json!({"iss": "https://idp", "aud": aud, "sub": "s", "exp": testbed::mint::now() + 60});
    let code = |token: &str| {
        let arguments = ["--unverified", "--token", token, "--request", "GET /"];
        explain(&settings, &arguments).1["code"].clone()
    };
    for algorithm in ["RS256", "PS384", "ES256", "ES384", "EdDSA"] {
        let key = keys::cached(algorithm.parse().unwrap());
        let token = Token::with_claims(claims("hf"))
            .signed_by(&key)
            .header("alg", algorithm);
        assert_eq!(code(&token.build()), "permitted", "{algorithm}");
        assert_eq!(
            code(
                &token
                    .clone()
                    .without_header("kid")
                    .corrupt_signature()
                    .build()
            ),
            "permitted"
        );
        assert_eq!(
            code(&token.claim("aud", "other").build()),
            "audience_mismatch"
        );
    }
}

#[test]
fn forwarded_addresses_are_as_the_filter_finds_them() {
    let mut settings = policy();
    settings["client_address"] = json!({"trusted_hops": 2});
    let token = ada().build();
    let code = |further: &[&str]| {
        let arguments = [
            "--unverified",
            "--token",
            &token,
            "--request",
            "POST /generate",
        ];
        explain(&settings, &[&arguments[..], further].concat()).1["code"].clone()
    };
    assert_eq!(code(&["--source", "10.1.1.1"]), "permitted");
    assert_eq!(
        code(&["--header", "X-Forwarded-For: 10.1.1.1, 1.2.3.4"]),
        "permitted"
    );
    assert_eq!(
        code(&["--header", "X-Forwarded-For: 1.2.3.4, 10.1.1.1"]),
        "rule_unsatisfied"
    );
    assert_eq!(code(&[]), "rule_unsatisfied");
}

#[test]
fn wrong_use_says_what_to_do() {
    let settings = settings().to_string();
    let token = ada().build();
    let get = ["explain", "-", "--request", "GET /v1/models"];
    for (arguments, input, status, text) in [
        (vec!["explain", "-"], settings.as_str(), 2, "--request"),
        (
            vec!["explain", "-", "--request", "GET"],
            &settings,
            2,
            "write method and path",
        ),
        (
            [&get[..], &["--time", "noon"]].concat(),
            &settings,
            2,
            "2026-11-23T07:30:00Z",
        ),
        (
            [&get[..], &["--source", "home"]].concat(),
            &settings,
            2,
            "--source",
        ),
        (
            [&get[..], &["--token", &token]].concat(),
            &settings,
            2,
            "--unverified",
        ),
        (
            [&get[..], &["--token-file", "/nowhere"]].concat(),
            &settings,
            2,
            "/nowhere: No such file",
        ),
        (
            [&get[..], &["--jwks", "/dev/null"]].concat(),
            &settings,
            2,
            "/dev/null",
        ),
        (
            [&get[..], &["--token", "a", "--token-file", "b"]].concat(),
            &settings,
            2,
            "cannot be used with",
        ),
        (get.to_vec(), "issuers: []", 1, "issuers: is an empty list"),
        (get.to_vec(), "a: [", 1, "neither JSON nor YAML"),
        (get.to_vec(), "kind: Service", 2, "no entragate filter"),
    ] {
        let outcome = entragate(&arguments, input);
        assert_eq!(outcome.status, status, "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(text), "{arguments:?}: {}", outcome.err);
        assert_eq!(outcome.out, "");
        assert!(!outcome.err.contains(&token), "{}", outcome.err);
    }
    let help = entragate(&["explain", "--help"], "");
    assert!(help.out.contains("3  it is denied"), "{}", help.out);
}

/// What is said of a chat request that is permitted.
fn explain_permit(settings: &Value, token: &str, further: &[&str]) -> Outcome {
    let request = "POST /v1/chat/completions";
    let asked = ["--unverified", "--token", token, "--request", request];
    let arguments = [&["explain", "-"], &asked[..], further].concat();
    let outcome = entragate(&arguments, &settings.to_string());
    assert_eq!(outcome.status, 0, "{}", outcome.err);
    outcome
}

#[test]
fn no_secret_is_shown() {
    let token = ada().build();
    for further in [&["--json"][..], &[]] {
        let outcome = explain_permit(&settings(), &token, further);
        for secret in [CREDENTIAL, &token] {
            assert!(!outcome.out.contains(secret) && !outcome.err.contains(secret));
        }
        assert!(
            !outcome.out.contains('\x1b'),
            "no colours but on a terminal"
        );
    }
}

#[test]
fn a_revocation_feed_is_not_fetched_and_that_is_said() {
    let mut settings = settings();
    settings["revocation"] = json!({"cluster": "ops", "uri": "https://ops/revoked.json"});
    let outcome = explain_permit(&settings, &ada().build(), &[]);
    assert!(
        outcome.err.contains("nobody counts as revoked"),
        "{}",
        outcome.err
    );
}

#[test]
fn a_polled_credential_is_named_and_not_fetched() {
    let mut settings = settings();
    let http = json!({"cluster": "vault", "uri": "https://vault/v1/secret/data/hf"});
    settings["credentials"][0] = json!({"name": "hf-read", "http": http});
    let outcome = explain_permit(&settings, &ada().build(), &[]);
    assert!(outcome.out.contains("hf-read"), "{}", outcome.out);
}
