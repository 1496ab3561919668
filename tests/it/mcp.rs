//! Rules by JSON-RPC method and tool: decisions, replies, records, and the limits of bodies.

mod bodies;

use crate::support;

use entragate::gate::{Ruling, Step, StreamId};
use entragate::http::headers::Headers;
use entragate::reply::Reply;
use entragate::token::signature::Portable;
use serde_json::{Value, json};
use support::*;
use testbed::keys;

/// An MCP server at `/mcp`: every caller may start and list tools, only scientists may search, and nobody may delete.
fn by_tool() -> Value {
    let at = |mcp: Value| json!({"paths": ["/mcp"], "mcp": mcp});
    let mut settings = with_rules(json!([
        {"name": "ping", "match": at(json!({"methods": ["ping"]})), "anonymous": true},
        {"name": "no-delete", "match": at(json!({"tools": ["*delete*"]})), "effect": "deny"},
        {"name": "start", "match": at(json!({"methods": ["initialize", "notifications/*", "tools/list", "response"]})),
         "require": {"issuer": "contoso"}},
        {"name": "search", "match": at(json!({"tools": ["hub_*", "docs_search"]})), "require": {"role": "Model.Query"}},
        {"name": "write", "match": at(json!({"tools": ["write_*"]})), "require": {"role": "Model.Query"}, "bill_to": "team"},
        {"name": "admins", "match": at(json!({"tools": ["admin_*"]})), "require": {"role": "Admin"}},
        {"name": "stream", "match": {"paths": ["/mcp"], "methods": ["GET", "DELETE"]}, "require": {"issuer": "contoso"}},
        {"name": "chat", "match": {"paths": ["/v1/**"]}, "require": {"role": "Model.Query"}},
    ]));
    settings["limits"] = json!({"body_inspected": 1000, "inspection_timeout": "1h"});
    settings
}

/// A request to the server, passed to the gate as the host does.
struct Sent<'a> {
    method: &'a str,
    path: &'a str,
    fields: &'a [(&'a str, &'a str)],
    token: bool,
    body: Option<&'a str>,
}

fn post(body: &str) -> Sent<'_> {
    Sent {
        method: "POST",
        path: "/mcp",
        fields: &[("content-type", "application/json")],
        token: true,
        body: Some(body),
    }
}

fn without_body(method: &str) -> Sent<'_> {
    Sent {
        method,
        body: None,
        ..post("")
    }
}

fn with<'a>(fields: &'a [(&'a str, &'a str)], body: &'a str) -> Sent<'a> {
    Sent {
        fields,
        ..post(body)
    }
}

impl Sent<'_> {
    fn begin(&self, bench: &mut Bench) -> (StreamId, Ruling) {
        let mut headers = Headers::from_iter([
            (":method", self.method),
            (":path", self.path),
            (":authority", "gateway.contoso.com"),
        ]);
        for (name, value) in self.fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        if self.token {
            let authorization = format!("Bearer {}", ada().build());
            headers.push(b"authorization", authorization.as_bytes());
        }
        headers.is_all = self.body.is_none();
        bench.send_headers(headers)
    }

    /// Returns the ruling and the record.
    fn end(&self, bench: &mut Bench) -> (Ruling, Value) {
        let (id, mut ruling) = self.begin(bench);
        if ruling.step == Step::Inspect {
            ruling = feed(bench, id, self.body.unwrap_or_default()).expect("there is a decision");
        }
        bench.gate.finish(id, Some(200), bench.now);
        let record = bench.audit().pop().expect("there is a record");
        (ruling, record)
    }

    fn code(&self) -> String {
        code_of(&self.end(&mut Bench::warm(&by_tool())).0)
    }
}

/// Passes a body in small pieces.
fn feed(bench: &mut Bench, id: StreamId, body: &str) -> Option<Ruling> {
    for piece in body.as_bytes().chunks(9) {
        let ruling = bench
            .gate
            .body(id, Some(piece), false, bench.now, &Portable);
        if ruling.is_some() {
            return ruling;
        }
    }
    bench.gate.body(id, Some(b""), true, bench.now, &Portable)
}

fn reply(ruling: Ruling) -> Reply {
    match ruling.step {
        Step::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn call(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}}).to_string()
}

#[test]
fn method_and_tool_decide() {
    let at = |method: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
    for (body, expected) in [
        (call("hub_search"), "permitted"),
        (call("docs_search"), "permitted"),
        (call("docs_searches"), "no_rule"),
        (call("HUB_search"), "no_rule"),
        (call("admin_x"), "rule_unsatisfied"),
        (call("hub_delete_x"), "denied_by_rule"),
        (call("HUB_Delete"), "denied_by_rule"),
        (at("initialize"), "permitted"),
        (at("notifications/initialized"), "permitted"),
        (at("tools/list"), "permitted"),
        (at("resources/list"), "no_rule"),
        (at("ping"), "anonymous"),
        (
            r#"{"id":5,"result":{"method":"tools/call","params":{"name":"x"}}}"#.to_owned(),
            "permitted",
        ),
        // If the tool of a call is unknown, deny rules apply.
        (at("tools/call"), "denied_by_rule"),
        (
            r#"{"method":"tools/call","params":["hub_search"]}"#.to_owned(),
            "denied_by_rule",
        ),
        (
            r#"{"method":"tools/call","params":{"name":7}}"#.to_owned(),
            "denied_by_rule",
        ),
        // Batches.
        (
            format!("[{},{}]", call("hub_a"), at("tools/list")),
            "permitted",
        ),
        (format!("[{},{}]", call("hub_a"), call("x")), "no_rule"),
        (
            format!("[{},{}]", call("hub_a"), call("delete")),
            "denied_by_rule",
        ),
        (
            format!("[{},{}]", call("hub_a"), call("write_x")),
            "request_ambiguous",
        ),
        (format!("[{},{}]", at("ping"), at("ping")), "anonymous"),
        (format!("[{},{}]", at("ping"), at("tools/list")), "no_rule"),
        ("[]".to_owned(), "body_unreadable"),
        // Bodies that servers could read differently, or that are not JSON-RPC.
        (
            r#"{"method":"ping","Method":"tools/call"}"#.to_owned(),
            "request_ambiguous",
        ),
        (
            r#"{"method":"ping","method":"ping"}"#.to_owned(),
            "request_ambiguous",
        ),
        (r#"{"model":"org/name"}"#.to_owned(), "body_unreadable"),
        ("not json".to_owned(), "body_unreadable"),
        (
            format!(r#"{{"method":"ping","x":"{}"}}"#, "x".repeat(1000)),
            "body_too_large",
        ),
    ] {
        assert_eq!(post(&body).code(), expected, "{body}");
    }
}

#[test]
fn request_without_a_message_is_decided_without_it() {
    let list = r#"{"method":"tools/list"}"#;
    let json = ("content-type", "application/json");
    let put = Sent {
        method: "PUT",
        ..post(list)
    };
    let chat = Sent {
        path: "/v1/x",
        ..post("not json")
    };
    for (sent, expected) in [
        (without_body("GET"), "permitted"),
        (without_body("DELETE"), "permitted"),
        (without_body("PUT"), "no_rule"),
        (without_body("POST"), "no_rule"),
        // No rule permits messages in a PUT.
        (put, "no_rule"),
        (chat, "permitted"),
        (with(&[], list), "body_unreadable"),
        (
            with(&[("content-type", "text/plain")], list),
            "body_unreadable",
        ),
        (
            with(&[json, ("content-encoding", "gzip")], list),
            "body_unreadable",
        ),
        (
            with(&[json, ("content-length", "1001")], list),
            "body_too_large",
        ),
        (
            with(&[json, ("mcp-method", "tools/list")], list),
            "permitted",
        ),
        (
            with(&[json, ("mcp-method", "ping")], list),
            "request_ambiguous",
        ),
        (with(&[json, ("mcp-name", "x")], list), "request_ambiguous"),
    ] {
        let label = format!(
            "{} {} {:?} {:?}",
            sent.method, sent.path, sent.fields, sent.body
        );
        assert_eq!(sent.code(), expected, "{label}");
    }
}

#[test]
fn upgrade_is_refused_because_rules_cannot_check_its_messages() {
    let upgrade = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
    ];
    let ask = |method, path, fields| {
        let sent = Sent {
            path,
            fields,
            ..without_body(method)
        };
        sent.code()
    };
    for method in ["GET", "DELETE"] {
        assert_eq!(
            ask(method, "/mcp", &upgrade),
            "request_ambiguous",
            "{method}"
        );
        assert_eq!(ask(method, "/mcp", &upgrade[1..]), "permitted", "{method}");
    }
    assert_eq!(ask("GET", "/v1/realtime", &upgrade), "permitted");
}

#[test]
fn refusal_is_a_json_rpc_error_with_the_id_of_the_request() {
    let with_id = |id: &str, tool: &str| {
        format!(r#"{{"id":{id},"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
    };
    let refused = |sent: &Sent<'_>| reply(sent.end(&mut Bench::warm(&by_tool())).0);
    for (body, id) in [
        (with_id("7", "x"), "7"),
        (with_id("12345678901234567890", "x"), "12345678901234567890"),
        (with_id(r#""a\u00e9\"""#, "x"), r#""a\u00e9\"""#),
        (with_id("null", "x"), "null"),
        (with_id("{}", "x"), "null"),
        (format!("[{}]", with_id("7", "x")), "null"),
        ("{".to_owned(), "null"),
    ] {
        let reply = refused(&post(&body));
        let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32001,"message":""#);
        assert!(reply.body.starts_with(&start), "{body}: {}", reply.body);
    }
    let body = call("x");
    let reply = refused(&Sent {
        token: false,
        ..post(&body)
    });
    assert_eq!(reply.status, 401);
    assert!(
        reply.body.starts_with(r#"{"jsonrpc":"2.0","id":1,"#),
        "{}",
        reply.body
    );
    assert!(
        reply
            .headers
            .iter()
            .any(|(name, _)| *name == "www-authenticate")
    );
    let stream = Sent {
        token: false,
        ..without_body("GET")
    };
    assert!(
        refused(&stream)
            .body
            .starts_with(r#"{"jsonrpc":"2.0","id":null,"#)
    );
    let chat = Sent {
        path: "/v1/x",
        token: false,
        ..post("")
    };
    assert!(refused(&chat).body.starts_with(r#"{"error":{"#));
}

#[test]
fn record_names_methods_and_tools() {
    let batch = format!("[{},{},{}]", call("hub_b"), call("hub_a"), call("hub_b"));
    let list = r#"[{"method":"tools/list"},{"method":"initialize"}]"#;
    for (body, method, tool) in [
        (call("hub_a"), json!("tools/call"), json!("hub_a")),
        (call("x"), json!("tools/call"), json!("x")),
        (batch, json!("tools/call"), json!("hub_b,hub_a")),
        (list.to_owned(), json!("tools/list,initialize"), Value::Null),
        ("{".to_owned(), Value::Null, Value::Null),
    ] {
        let (_, record) = post(&body).end(&mut Bench::warm(&by_tool()));
        assert_eq!(
            (&record["mcp_method"], &record["mcp_tool"]),
            (&method, &tool),
            "{body}"
        );
    }
    let chat = Sent {
        path: "/v1/x",
        ..post("{}")
    };
    assert_eq!(
        chat.end(&mut Bench::warm(&by_tool())).1["mcp_method"],
        Value::Null
    );
}
