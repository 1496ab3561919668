//! Rules by JSON-RPC method and tool, through Envoy.

use super::gateway::{Gateway, SOON, header};
use super::lenient::{SERVERS, Seen};
use super::messages::{self, PERMITTED};
use super::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use testbed::client::raw_http;
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};

const BODIES: usize = 10_000;
const WORKERS: usize = 8;

/// An MCP server at `/mcp`, on which scientists may use the tools `hub_*`.
fn by_tool(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| {
        let methods = [
            "initialize",
            "notifications/*",
            "ping",
            "tools/list",
            "response",
        ];
        policy["rules"] = json!([
            {"name": "start", "match": {"paths": ["/mcp"], "mcp": {"methods": methods}},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
            {"name": "search", "match": {"paths": ["/mcp"], "mcp": {"tools": ["hub_*"]}},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
            {"name": "stream", "match": {"methods": ["GET", "DELETE"], "paths": ["/mcp"]},
             "require": {"role": "Model.Query"}, "credential": "hf-read"},
        ]);
    })
}

async fn post(gateway: &Gateway, token: &str, body: impl Into<Vec<u8>>) -> Response {
    let request = gateway.request(Method::POST, "/mcp").bearer_auth(token);
    let request = request.header("content-type", "application/json");
    request.body(body.into()).send().await.unwrap()
}

fn call(id: &str, tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_permitted_tools_reach_the_server() {
    let gateway = Gateway::with(by_tool).await;
    let token = gateway.token(Persona::Ada);
    let body = call("1", "hub_search");
    post(&gateway, &token, body.clone()).await;
    let seen = gateway.hf.take_requests();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].body, body.as_bytes(), "the body is unchanged");
    assert_eq!(seen[0].bearer(), Some(gateway.hf.token().as_str()));
    let record = gateway
        .envoy
        .wait_for_audit(|record| record["mcp_tool"] == "hub_search", SOON)
        .await
        .unwrap();
    assert_eq!(record["mcp_method"], "tools/call");
    assert_eq!(record["rule"], "search");
    let id = r#""a\u00e9 \"1""#;
    let refused = post(&gateway, &token, call(id, "delete_repo")).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(header(&refused, "content-type"), "application/json");
    assert_eq!(header(&refused, "x-error-code"), "no_rule");
    assert!(header(&refused, "www-authenticate").starts_with("Bearer "));
    let text = refused.text().await.unwrap();
    let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32001,"#);
    assert!(text.starts_with(&start), "{text}");
    assert!(text.ends_with("(no_rule)\"}}"), "{text}");
    // A batch with a forbidden tool, a contradictory header, and the stream of the server.
    let batch = format!("[{},{}]", call("1", "hub_x"), call("2", "delete_repo"));
    let refused = post(&gateway, &token, batch).await;
    assert_eq!(header(&refused, "x-error-code"), "no_rule");
    let text: Value = refused.json().await.unwrap();
    assert_eq!(text["id"], Value::Null);
    let request = gateway.request(Method::POST, "/mcp").bearer_auth(&token);
    let request = request.header("content-type", "application/json");
    let request = request.header("mcp-name", "hub_x").body(body);
    let refused = request.send().await.unwrap();
    assert_eq!(header(&refused, "x-error-code"), "request_ambiguous");
    assert!(gateway.hf.requests().is_empty());
    for method in [Method::GET, Method::DELETE] {
        let request = gateway.request(method, "/mcp").bearer_auth(&token);
        request.send().await.unwrap();
        assert_eq!(gateway.hf.take_requests().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrade_is_refused_although_envoy_permits_upgrades() {
    let gateway = Gateway::with(|config| {
        by_tool(config).connection_manager(|manager| {
            manager["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]);
        })
    })
    .await;
    let token = gateway.token(Persona::Ada);
    for (fields, code) in [
        (
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            "request_ambiguous",
        ),
        // Java's client requests HTTP/2 with these fields, which Envoy removes.
        (
            "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
            "",
        ),
    ] {
        let request = format!(
            "GET /mcp HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\n{fields}\r\n"
        );
        let answer = raw_http(gateway.envoy.addr(), request.as_bytes(), SOON).await;
        let answer = String::from_utf8_lossy(&answer.unwrap()).into_owned();
        let seen = gateway.hf.take_requests();
        assert_eq!(seen.len(), usize::from(code.is_empty()), "{answer}");
        let expected = format!("x-error-code: {code}\r\n");
        assert_eq!(answer.contains(&expected), !code.is_empty(), "{answer}");
    }
}

/// Counts of what was generated and what arrived.
#[derive(Debug, Default)]
struct Counts {
    forwarded: usize,
    calls: usize,
    batches: usize,
    /// Bodies in which some server would have called a forbidden tool.
    dangerous: usize,
}

fn is_permitted(seen: &Seen) -> bool {
    let methods = ["initialize", "ping", "tools/list", "response"];
    match &seen.tool {
        Some(tool) => PERMITTED.contains(&tool.as_str()),
        None => methods.contains(&&*seen.method) || seen.method.starts_with("notifications/"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forbidden_tool_reaches_any_server_in_10_000_bodies() {
    let gateway = Arc::new(Gateway::with(by_tool).await);
    let token = gateway.token(Persona::Ada);
    let mut random = Random(0x6d63_7021);
    let bodies: Arc<Vec<Vec<u8>>> =
        Arc::new((0..BODIES).map(|_| messages::body(&mut random)).collect());
    let senders = (0..WORKERS).map(|worker| {
        let (gateway, bodies, token) = (gateway.clone(), bodies.clone(), token.clone());
        tokio::spawn(async move {
            let mut statuses = BTreeMap::new();
            for body in bodies.iter().skip(worker).step_by(WORKERS) {
                let response = post(&gateway, &token, body.clone()).await;
                *statuses.entry(response.status().as_u16()).or_insert(0) += 1;
            }
            statuses
        })
    });
    let senders: Vec<_> = senders.collect();
    let mut refused = 0;
    for sender in senders {
        let statuses: BTreeMap<u16, usize> = sender.await.unwrap();
        refused += statuses.get(&400).unwrap_or(&0) + statuses.get(&403).unwrap_or(&0);
    }
    let forbids = |body: &[u8]| {
        let mut seen = SERVERS.iter().flat_map(|server| server.read(body));
        seen.any(|seen| !is_permitted(&seen))
    };
    let mut counts = Counts {
        dangerous: bodies.iter().filter(|body| forbids(body)).count(),
        ..Counts::default()
    };
    for request in gateway.hf.take_requests() {
        let text = String::from_utf8_lossy(&request.body);
        assert!(
            !forbids(&request.body),
            "a server would call a forbidden tool: {text}"
        );
        counts.forwarded += 1;
        counts.batches += usize::from(text.starts_with('['));
        let calls = SERVERS[0].read(&request.body);
        counts.calls += usize::from(calls.iter().any(|seen| seen.tool.is_some()));
    }
    println!("mcp: {BODIES} bodies: {counts:?}, {refused} refused");
    assert_eq!(counts.forwarded + refused, BODIES);
    // The test would notice a filter that refuses everything, and bodies that are all harmless.
    assert!(counts.forwarded > BODIES / 4, "{counts:?}");
    assert!(
        counts.calls > BODIES / 10 && counts.batches > BODIES / 50,
        "{counts:?}"
    );
    assert!(counts.dangerous > BODIES / 5, "{counts:?}");
}
