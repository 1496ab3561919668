//! Callers with too many groups for a token, looked up in Microsoft Graph.

mod queries;
mod responses;
use crate::support;

use entragate::fetch::callout::Answer;
use serde_json::{Value, json};
use support::*;
use testbed::mint::Token;
use testbed::persona::Persona;

const GROUP: &str = "AAAAAAAA-0000-4000-8000-000000000001";

const OTHER: &str = "aaaaaaaa-0000-4000-8000-000000000002";

/// Contoso with look-ups in Microsoft Graph, and these rules.
fn with_graph(rules: Value) -> Value {
    let mut settings = with_rules(rules);
    settings["issuers"][0]["groups_overage"] = json!({"graph": {"cluster": "graph", "ttl": "60s",
        "timeout": "1s",
        "auth": {"managed_identity": {"cluster": "imds", "resource": "https://graph.microsoft.com"}}}});
    settings
}

/// A bench with keys and a service token for Graph.
fn bench(rules: Value) -> Bench {
    bench_of(&with_graph(rules))
}

fn bench_of(settings: &Value) -> Bench {
    let mut bench = Bench::warm(settings);
    assert_eq!(bench.calls[0].callout.target.cluster, "imds");
    bench.answer(ok(
        json!({"access_token": "graph-token", "expires_in": 3600}),
    ));
    bench.tick();
    assert!(bench.calls.is_empty(), "there is no look-up in advance");
    bench
}

fn for_group() -> Value {
    json!([{"name": "scientists", "require": {"group": GROUP}}])
}

fn olga() -> Token {
    Token::of(Persona::Olga)
}

/// Returns the path and the groups of the next request to Graph.
fn next_lookup(bench: &Bench) -> (String, Vec<String>) {
    let callout = &bench.calls[0].callout;
    assert_eq!(
        (callout.method, callout.target.authority.as_str()),
        ("POST", "graph.microsoft.com")
    );
    let bearer = ("authorization".to_owned(), "Bearer graph-token".to_owned());
    assert!(callout.headers.contains(&bearer));
    let body: Value = serde_json::from_slice(&callout.body).unwrap();
    let groups = serde_json::from_value(body["groupIds"].clone()).unwrap();
    (callout.target.path.clone(), groups)
}

fn member_of(groups: &[&str]) -> Answer {
    ok(json!({"@odata.context": "x", "value": groups}))
}

fn failed(status: u16) -> Answer {
    Answer::of(status, None, Vec::new())
}

fn oid(token: &Token) -> String {
    token.claims_value()["oid"].as_str().unwrap().to_owned()
}
