//! The output of `entragate explain`.

use super::cli::{Outcome, entragate};
use super::support::*;
use super::*;

#[test]
fn reasons_are_shown_clause_by_clause() {
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
  Rule llama requires a group, but you are in too many groups for your token to list them; ask your administrator for an app role instead
  rule: llama
  model: meta-llama/x
  WWW-Authenticate: Bearer realm=\"hf\", error=\"insufficient_scope\", error_description=\"Rule llama requires a group, but you are in too many groups for your token to list them; ask your administrator for an app role instead\", resource_metadata=\"https://hf.contoso.com/.well-known/oauth-protected-resource\"
caller (the signature is not verified):
  issuer: contoso
  tenant: aaaabbbb-0000-cccc-1111-dddd2222eeee
  object id: 0d9c8b7a-6f5e-4d3c-8b2a-190807060504
  client: 2f3a7c1e-5b0d-4d57-9c1f-0c8e6f1b7a42
token:
  issuer: https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0
  audience: 00001111-aaaa-2222-bbbb-3333cccc4444
  expires: 2026-11-23T13:10:23.000Z (in 1h 10m 23s)
  roles: none
  groups: too many for the token to list
  scopes: access_as_user
  kind: user
rules, in the order of evaluation:
  health (anonymous): does not match this request (match.methods)
  contractors (deny): does not deny
    no  all of
      no  role 'Contractor'
      yes not
        no  the time 18:00 to 08:00 UTC
  watched (deny): does not deny (shadow mode: no effect)
    no  a caller of kind 'app'
  secret (allow): does not match this request (match.paths)
  llama (allow): is indeterminate, and therefore does not permit
    ?   any of
      no  role 'Model.Query'
      ?   group '{SCIENTISTS_GROUP}'
  corp (allow): does not match this request (match.paths)
  sidecar (allow): does not match this request (match.paths)
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
fn rule_without_a_requirement_is_satisfied() {
    let settings = with_rules(json!([
        {"name": "closed", "match": {"paths": ["/closed"]}, "effect": "deny"},
        {"name": "all", "require": {"issuer": "contoso"}},
    ]));
    let token = ada().build();
    let arguments = [
        "--unverified",
        "--token",
        &token,
        "--request",
        "GET /closed",
    ];
    let (status, json) = explain(&settings, &arguments);
    assert_eq!((status, &json["code"]), (3, &json!("denied_by_rule")));
    let expected = json!({"clause": "anything", "holds": true});
    assert_eq!(json["rules"][0]["require"], expected);
}

/// Explains a chat request that is permitted.
fn explain_permit(settings: &Value, token: &str, further: &[&str]) -> Outcome {
    let request = "POST /v1/chat/completions";
    let options = ["--unverified", "--token", token, "--request", request];
    let arguments = [&["explain", "-"], &options[..], further].concat();
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
            "colours are only used on a terminal"
        );
    }
}

#[test]
fn revocation_feed_that_is_not_fetched_is_reported_as_a_warning() {
    let mut settings = settings();
    settings["revocation"] = json!({"cluster": "ops", "uri": "https://ops/revoked.json"});
    let outcome = explain_permit(&settings, &ada().build(), &[]);
    assert!(
        outcome.err.contains("no caller is treated as revoked"),
        "{}",
        outcome.err
    );
}

#[test]
fn polled_credential_is_named_and_not_fetched() {
    let mut settings = settings();
    let http = json!({"cluster": "vault", "uri": "https://vault/v1/secret/data/hf"});
    settings["credentials"][0] = json!({"name": "hf-read", "http": http});
    let outcome = explain_permit(&settings, &ada().build(), &[]);
    assert!(outcome.out.contains("hf-read"), "{}", outcome.out);
}

#[test]
fn content_of_a_refused_token_is_shown() {
    let settings = settings();
    let request = [
        "--unverified",
        "--request",
        "POST /v1/chat/completions",
        "--time",
        "2026-11-23T12:00:00Z",
    ];
    let shown = |token: Token| {
        let token = token.build();
        let arguments = [&["explain", "-", "--token", &token], &request[..]].concat();
        let outcome = entragate(&arguments, &settings.to_string());
        assert_eq!(outcome.status, 3, "{}", outcome.err);
        let from = outcome.out.find("token:\n").expect("the token is shown");
        let until = outcome.out.find("rules, in").unwrap();
        outcome.out[from..until].to_owned()
    };
    let late = || Token::at(Persona::Ada, NOON - 2 * 86400);
    let expired = shown(late());
    assert!(expired.contains("roles: Model.Query\n"), "{expired}");
    assert!(expired.contains(" ago)\n"), "{expired}");
    let wrong = shown(Token::at(Persona::Ada, NOON).claim("aud", json!(["api://a", "api://b"])));
    assert!(wrong.contains("  audience: api://a, api://b\n"), "{wrong}");
    let unknown = shown(late().claim("iss", "https://elsewhere/\u{1b}[2J"));
    let known: Vec<&str> = unknown
        .lines()
        .map(|line| line.split(": ").next().unwrap().trim())
        .collect();
    assert_eq!(known, ["token:", "issuer", "audience", "expires"]);
    assert!(!unknown.contains('\u{1b}'), "{unknown}");
    let unclear = shown(late().claim("roles", json!([7])));
    assert!(
        unclear.contains("roles: none (the claim is in an unexpected form)"),
        "{unclear}"
    );

    let token = Token::at(Persona::Ada, NOON)
        .claim("roles", json!(["model.query"]))
        .build();
    let (_, json) = explain(&settings, &[&request[..], &["--token", &token]].concat());
    assert_eq!(
        json["token"]["audiences"],
        json!([testbed::persona::AUDIENCE])
    );
    assert_eq!(json["token"]["roles"], json!(["model.query"]));
    assert_eq!(json["token"]["kind"], "user");
    assert_eq!(json["rules"][1]["require"]["similar"], "'model.query'");
    let arguments = [&["explain", "-", "--token", &token], &request[..]].concat();
    let text = entragate(&arguments, &settings.to_string()).out;
    assert!(
        text.contains("role 'Model.Query' (did you mean 'model.query', which the token has?"),
        "{text}"
    );
}

#[test]
fn tool_that_no_rule_permits_is_explained() {
    let at = |mcp: Value| json!({"paths": ["/mcp"], "mcp": mcp});
    let settings = with_rules(json!([
        {"name": "no-delete", "match": at(json!({"tools": ["*delete*"]})), "effect": "deny"},
        {"name": "start", "match": at(json!({"methods": ["initialize"]})), "require": {"role": "Model.Query"}},
        {"name": "search", "match": at(json!({"tools": ["hub_*"]})), "require": {"role": "Model.Query"}},
    ]));
    let token = ada().build();
    let given = ["explain", "-", "--unverified", "--token", &token];
    let explained = |given: &[&str]| entragate(given, &settings.to_string());
    let run = |further: &[&str]| {
        let outcome = explained(&[&given[..], &["--request", "POST /mcp"], further].concat());
        assert_eq!(outcome.err, "");
        (outcome.status, outcome.out)
    };
    let (status, out) = run(&["--tool", "write_file"]);
    assert_eq!(status, 3);
    for line in [
        "denied: no_rule, status 403",
        "JSON-RPC method: tools/call",
        "tool: write_file",
        "no-delete (deny): does not match this request (match.mcp.tools)",
        "start (allow): does not match this request (match.mcp.methods)",
        "search (allow): does not match this request (match.mcp.tools)",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert_eq!(run(&["--tool", "hub_search"]).0, 0);
    assert_eq!(run(&["--mcp-method", "initialize"]).0, 0);
    let (status, out) = run(&["--mcp-method", "tools/call"]);
    assert_eq!(status, 3);
    assert!(out.starts_with("denied: denied_by_rule"), "{out}");
    let get = explained(&[&given[..], &["--request", "GET /mcp"]].concat());
    assert!(
        get.out
            .contains("search (allow): does not match this request (match.mcp)"),
        "{}",
        get.out
    );
    let both = explained(
        &[
            &given[..],
            &["--request", "POST /mcp", "--tool", "x", "--body", "{}"],
        ]
        .concat(),
    );
    assert_eq!(both.status, 2);
}
