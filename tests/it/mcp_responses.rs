//! Responses of MCP servers: lists of tools, and sessions.

use crate::random::Random;
use crate::support;

use entragate::gate::{BodyUse, HostLimits, Origin, Return, Returned, Ruling, Step, StreamId};
use entragate::http::headers::Headers;
use serde_json::{Value, json};
use support::{Bench, Trusting, ada, code_of, edits_of, rewritten, with_rules};
use testbed::mint::Token;
use testbed::persona::Persona;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const TOOLS: [&str; 4] = ["model_search", "model_delete", "hub_read", "admin"];

fn settings(rules: Value) -> Value {
    let mut all = json!([
        {"name": "mcp-list", "match": {"paths": ["/mcp"], "mcp": {"methods": ["initialize", "tools/list", "notifications/*"]}},
         "require": {"issuer": "contoso"}},
        {"name": "mcp-streams", "match": {"methods": ["GET", "DELETE"], "paths": ["/mcp"]}, "require": {"issuer": "contoso"}},
    ]);
    let rules = rules.as_array().unwrap().clone();
    all.as_array_mut().unwrap().extend(rules);
    with_rules(all)
}

/// Callers with the role may call tools of models.
fn models() -> Value {
    settings(json!([
        {"name": "mcp-models", "match": {"paths": ["/mcp"], "mcp": {"tools": ["model_*"]}}, "require": {"role": "Model.Query"}},
    ]))
}

/// A request of one caller.
struct Caller<'t> {
    token: Option<&'t Token>,
    method: &'t str,
    fields: Vec<(&'t str, &'t str)>,
}

impl<'t> Caller<'t> {
    fn new(token: &'t Token) -> Self {
        let token = Some(token);
        let (method, fields) = ("POST", Vec::new());
        Self {
            token,
            method,
            fields,
        }
    }

    fn with(mut self, name: &'t str, value: &'t str) -> Self {
        self.fields.push((name, value));
        self
    }

    fn by(self, method: &'t str) -> Self {
        Self { method, ..self }
    }

    /// Sends the request; a POST has this message.
    fn send(self, bench: &mut Bench, message: &str) -> (StreamId, Ruling) {
        let authorization = self.token.map(|token| format!("Bearer {}", token.build()));
        let length = message.len().to_string();
        let mut fields = vec![
            (":method", self.method),
            (":path", "/mcp"),
            (":authority", "h.example"),
        ];
        let authorization = authorization
            .as_deref()
            .map(|value| ("authorization", value));
        fields.extend(authorization.into_iter().chain(self.fields));
        if self.method == "POST" {
            fields.extend([
                ("content-type", "application/json"),
                ("content-length", &length),
            ]);
        }
        let mut headers = Headers::from_iter(fields);
        headers.is_all = self.method != "POST";
        let (id, ruling) = bench.send_headers(headers);
        match ruling.step {
            Step::Inspect => {
                let (now, body) = (bench.now, Some(message.as_bytes()));
                let ruling = bench.gate.body(id, body, true, now, &Trusting);
                (id, ruling.expect("the body is complete"))
            }
            _ => (id, ruling),
        }
    }
}

fn permitted(bench: &mut Bench, caller: Caller<'_>, message: &str) -> StreamId {
    let (id, ruling) = caller.send(bench, message);
    assert!(
        matches!(ruling.step, Step::Forward(_)),
        "{}",
        code_of(&ruling)
    );
    id
}

fn respond(bench: &mut Bench, id: StreamId, fields: &[(&str, &str)]) -> Returned {
    let status = fields.iter().any(|(name, _)| *name == ":status");
    let status = (!status).then_some((":status", "200"));
    let headers = Headers::from_iter(status.into_iter().chain(fields.iter().copied()));
    let now = bench.now;
    bench.gate.response(
        id,
        &headers,
        Some(Origin {
            details: Some(b"via_upstream"),
            now,
        }),
    )
}

fn list() -> Value {
    let tools: Vec<Value> = TOOLS
        .iter()
        .map(|name| json!({"name": name, "inputSchema": {}}))
        .collect();
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "nextCursor": "2"}})
}

fn names(list: &Value) -> Vec<String> {
    let tools = list["result"]["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns the tools that a JSON response lists for the caller.
fn listed(settings: &Value, token: Option<&Token>) -> Vec<String> {
    let (mut bench, ada) = (Bench::warm(settings), ada());
    let caller = Caller {
        token,
        ..Caller::new(&ada)
    };
    let id = permitted(&mut bench, caller, LIST);
    let returned = respond(
        &mut bench,
        id,
        &[("content-type", "application/json"), ("etag", "x")],
    );
    assert_eq!(returned.step, Return::Hold);
    let returned = bench
        .gate
        .response_body(id, Some(list().to_string().as_bytes()), true)
        .unwrap();
    names(&rewritten(returned))
}

#[test]
fn tool_is_listed_if_the_caller_may_call_it() {
    let role = json!({"role": "Model.Query"});
    let allow = |mcp: Value, require: &Value| json!({"name": "allow", "match": {"paths": ["/mcp"], "mcp": mcp}, "require": require});
    let deny = |mcp: Value, require: &Value| json!({"name": "deny", "match": {"paths": ["/mcp"], "mcp": mcp}, "require": require, "effect": "deny"});
    let models = || allow(json!({"tools": ["model_*"]}), &role);
    for (rules, expected) in [
        (json!([]), &[][..]),
        (json!([models()]), &TOOLS[..2]),
        (
            json!([allow(json!({"methods": ["tools/call"]}), &role)]),
            &TOOLS,
        ),
        (
            json!([allow(json!({"methods": ["resources/*"]}), &role)]),
            &[],
        ),
        (
            json!([allow(
                json!({"tools": ["model_*"]}),
                &json!({"role": "Other"})
            )]),
            &[],
        ),
        (
            json!([{"name": "all", "match": {"paths": ["/mcp"]}, "require": role}]),
            &TOOLS,
        ),
        (
            json!([{"name": "all", "match": {"paths": ["/mcp"], "methods": ["GET"]}, "require": role}]),
            &[],
        ),
        (
            json!([{"name": "all", "match": {"paths": ["/other"]}, "require": role}]),
            &[],
        ),
        (
            json!([{"name": "all", "match": {"models": ["a/b"]}, "require": role}]),
            &[],
        ),
        (
            json!([models(), deny(json!({"tools": ["*_delete"]}), &role)]),
            &TOOLS[..1],
        ),
        (
            json!([
                models(),
                deny(json!({"tools": ["*_delete"]}), &json!({"role": "Other"}))
            ]),
            &TOOLS[..2],
        ),
        // What is indeterminate never permits.
        (
            json!([
                models(),
                deny(
                    json!({"tools": ["*_delete"]}),
                    &json!({"source": ["10.0.0.0/8"]})
                )
            ]),
            &TOOLS[..1],
        ),
        (
            json!([allow(
                json!({"tools": ["model_*"]}),
                &json!({"source": ["10.0.0.0/8"]})
            )]),
            &[],
        ),
        (
            json!([models(), {"name": "shadow", "match": {"paths": ["/mcp"], "mcp": {"tools": ["*"]}}, "require": role, "mode": "shadow"}]),
            &TOOLS[..2],
        ),
    ] {
        assert_eq!(
            listed(&settings(rules.clone()), Some(&ada())),
            expected,
            "{rules}"
        );
    }
}

/// For random rules, a list has exactly the tools that the caller can call.
#[test]
fn list_agrees_with_decisions_about_calls() {
    let mut random = Random(7);
    let (mut shown, mut hidden) = (0, 0);
    for _ in 0..150 {
        let mut one = |options: &[Value]| options[random.below(options.len())].clone();
        let rules: Vec<Value> = (0..4)
            .map(|index| {
                let tools = one(&[
                    json!(["model_*"]),
                    json!(["*_delete", "admin"]),
                    json!(["*"]),
                    json!(["hub_read"]),
                ]);
                let mcp = one(&[
                    json!({"tools": tools}),
                    json!({"methods": ["tools/call", "ping"]}),
                    json!({"methods": ["tools/*"], "tools": tools}),
                ]);
                let paths = one(&[json!(["/mcp"]), json!(["/**"]), json!(["/other"])]);
                let methods = one(&[json!(["POST"]), json!(["GET", "POST"])]);
                let matches = json!({"paths": paths, "methods": methods, "mcp": mcp});
                let mut rule = json!({"name": format!("rule-{index}"), "match": matches});
                match one(&[
                    json!("allow"),
                    json!("allow"),
                    json!("deny"),
                    json!("anonymous"),
                    json!("open"),
                ])
                .as_str()
                {
                    Some("deny") => rule["effect"] = json!("deny"),
                    Some("anonymous") => rule["anonymous"] = json!(true),
                    Some("open") => drop(rule["match"].as_object_mut().unwrap().remove("mcp")),
                    _ => {
                        rule["credential"] = one(&[json!("hf-read"), json!("team"), json!("none")])
                    }
                }
                if rule.get("anonymous").is_none() {
                    rule["require"] = one(&[
                        json!({"role": "Model.Query"}),
                        json!({"role": "Other"}),
                        json!({"source": ["10.0.0.0/8"]}),
                    ]);
                }
                rule
            })
            .collect();
        let mut settings = settings(json!(rules));
        let team = json!({"name": "team", "value": "hf_team", "clusters": ["team"]});
        settings["credentials"].as_array_mut().unwrap().push(team);
        let token = ada();
        let mut bench = Bench::warm(&settings);
        let mut call = |name: &&str| {
            let call =
                json!({"id": 1, "method": "tools/call", "params": {"name": name}}).to_string();
            let (_, ruling) = Caller::new(&token).send(&mut bench, &call);
            matches!(ruling.step, Step::Forward(_))
        };
        let callable: Vec<&str> = TOOLS.into_iter().filter(|name| call(name)).collect();
        let (_, list) = Caller::new(&token).send(&mut bench, LIST);
        // An anonymous rule treats the caller as anonymous.
        if code_of(&list) == "permitted" {
            assert_eq!(
                listed(&settings, Some(&token)),
                callable,
                "{}",
                settings["rules"]
            );
            shown += callable.len();
            hidden += TOOLS.len() - callable.len();
        }
    }
    assert!(shown > 50 && hidden > 50, "{shown} {hidden}");
}

#[test]
fn anonymous_callers_see_the_tools_that_need_no_token() {
    let open = |name: &str, mcp: Value| json!({"name": name, "match": {"paths": ["/mcp"], "mcp": mcp}, "anonymous": true});
    let mut rules = models();
    let all = rules["rules"].as_array_mut().unwrap();
    all.push(open("open-list", json!({"methods": ["tools/list"]})));
    all.push(open("open-tools", json!({"tools": ["hub_*"]})));
    for token in [None, Some(&ada())] {
        assert_eq!(listed(&rules, token), ["hub_read"]);
    }
    rules["rules"]
        .as_array_mut()
        .unwrap()
        .retain(|rule| rule["name"] != "open-list");
    assert_eq!(listed(&rules, Some(&ada())), &TOOLS[..3]);
}

#[test]
fn tool_whose_credential_may_not_be_sent_is_not_listed() {
    let mut settings = models();
    settings["credentials"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "team", "value": "hf_team", "clusters": ["team"]}));
    let rule = json!({"name": "team", "match": {"paths": ["/mcp"], "mcp": {"tools": ["hub_*"]}},
        "require": {"role": "Model.Query"}, "credential": "team"});
    settings["rules"].as_array_mut().unwrap().push(rule);
    assert_eq!(listed(&settings, Some(&ada())), &TOOLS[..2]);
}

#[test]
fn list_is_filtered_for_any_form_of_the_request() {
    let settings = settings(
        json!([{"name": "all", "match": {"paths": ["/mcp"], "mcp": {"methods": ["*/*", "ping"], "tools": ["x"]}},
        "require": {"role": "Model.Query"}}]),
    );
    let (mut bench, token) = (Bench::warm(&settings), ada());
    for message in [
        r#"{"id":1,"method":"Tools/LIST"}"#,
        r#"{"id":1,"method":"tools\/list"}"#,
        r#"[{"method":"ping"},{"id":1,"method":"tools/list"}]"#,
    ] {
        let id = permitted(&mut bench, Caller::new(&token), message);
        assert_eq!(respond(&mut bench, id, &[]).step, Return::Hold, "{message}");
    }
}

#[test]
fn list_filter_can_be_disabled() {
    let mut settings = models();
    settings["forward"] = json!({"filter_tools": false});
    let mut bench = Bench::warm(&settings);
    let token = ada();
    let id = permitted(&mut bench, Caller::new(&token), LIST);
    assert_eq!(
        respond(&mut bench, id, &[("content-type", "application/json")]).step,
        Return::Pass
    );
    assert_ne!(bench.gate.response_body_use(id), Some(BodyUse::Filter));
}

/// The code of the denial that replaces a response.
fn code_of_return(returned: &Returned) -> &str {
    let Return::Replace(reply) = &returned.step else {
        panic!("{returned:?}")
    };
    let code = reply
        .headers
        .iter()
        .find(|(name, _)| *name == "x-error-code");
    &code.unwrap().1
}

#[test]
fn unreadable_list_is_denied() {
    let token = ada();
    for fields in [
        &[("content-encoding", "gzip")][..],
        &[
            ("content-type", "text/event-stream"),
            ("content-encoding", "br"),
        ],
        &[("content-type", "text/event-stream"), (":status", "206")],
        &[("content-length", "9999999")],
    ] {
        let mut bench = Bench::warm(&models());
        let id = permitted(&mut bench, Caller::new(&token), LIST);
        assert_eq!(
            code_of_return(&respond(&mut bench, id, fields)),
            "mcp_unreadable"
        );
    }
    for body in ["tools", "{", r#"{"result":{"tools":{}}}"#] {
        let mut bench = Bench::warm(&models());
        let id = permitted(&mut bench, Caller::new(&token), LIST);
        assert_eq!(respond(&mut bench, id, &[]).step, Return::Hold);
        let returned = bench
            .gate
            .response_body(id, Some(body.as_bytes()), true)
            .unwrap();
        assert_eq!(code_of_return(&returned), "mcp_unreadable");
        let Return::Replace(reply) = returned.step else {
            unreachable!()
        };
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(
            (&body["id"], &body["error"]["code"]),
            (&json!(1), &json!(-32001))
        );
    }
    // The server's own errors pass, and so does an empty response.
    let mut bench = Bench::warm(&models());
    let id = permitted(&mut bench, Caller::new(&token), LIST);
    assert_eq!(
        respond(&mut bench, id, &[(":status", "404")]).step,
        Return::Pass
    );
    let id = permitted(&mut bench, Caller::new(&token), LIST);
    assert_eq!(
        respond(&mut bench, id, &[(":status", "202")]).step,
        Return::Hold
    );
    assert_eq!(
        bench.gate.response_body(id, Some(b""), true).unwrap().step,
        Return::Pass
    );
}

#[test]
fn stream_of_events_is_filtered_as_it_passes() {
    let token = ada();
    for method in ["POST", "GET"] {
        let mut bench = Bench::warm(&models());
        let id = permitted(&mut bench, Caller::new(&token).by(method), LIST);
        let returned = respond(
            &mut bench,
            id,
            &[
                ("content-type", "text/event-stream; charset=utf-8"),
                ("content-length", "9"),
            ],
        );
        assert_eq!(
            (returned.step, returned.remove),
            (Return::Pass, vec!["content-length"])
        );
        assert_eq!(bench.gate.response_body_use(id), Some(BodyUse::Filter));
        let text = format!(": ping\n\nid: 1\ndata: {}\n\n", list());
        let (first, second) = text.as_bytes().split_at(60);
        let mut filter =
            |piece: &[u8], is_last| bench.gate.filter_piece(id, Some(piece), is_last).unwrap();
        assert_eq!(filter(first, false), b": ping\n\n");
        let passed =
            String::from_utf8([filter(second, false), filter(b"data: {", true)].concat()).unwrap();
        let (head, rest) = passed.split_once("data: ").unwrap();
        let (message, last) = rest.split_once("\n\n").unwrap();
        assert_eq!(head, "id: 1\n");
        assert_eq!(names(&serde_json::from_str(message).unwrap()), &TOOLS[..2]);
        // The data of the last event is not complete.
        let error: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        let id_of_request = if method == "POST" {
            json!(1)
        } else {
            Value::Null
        };
        assert_eq!(
            (&error["id"], &error["error"]["code"]),
            (&id_of_request, &json!(-32001))
        );
        assert_eq!(bench.gate.filter_piece(id, None, false), None);
        bench.gate.finish(id, Some(200), bench.now);
        let record = bench.audit().pop().unwrap();
        assert_eq!(
            (&record["code"], &record["decision"], &record["status"]),
            (&json!("mcp_unreadable"), &json!("permit"), &json!(200))
        );
    }
}

#[test]
fn response_that_lists_no_tools_passes() {
    let token = ada();
    let mut bench = Bench::warm(&models());
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"model_search"}}"#;
    for (method, message, kind) in [
        ("POST", call, "text/event-stream"),
        ("POST", call, "application/json"),
        ("GET", "", "application/json"),
        ("DELETE", "", "text/event-stream"),
    ] {
        let id = permitted(&mut bench, Caller::new(&token).by(method), message);
        let returned = respond(
            &mut bench,
            id,
            &[("content-type", kind), ("content-length", "2")],
        );
        assert_eq!(
            (returned.step, returned.remove),
            (Return::Pass, Vec::new()),
            "{method} {message}"
        );
        // An MCP server's response has no usage of a model.
        assert_eq!(bench.gate.response_body_use(id), None);
    }
}

#[test]
fn list_of_models_at_an_mcp_server_is_still_filtered() {
    let rules = json!([
        {"name": "mcp", "match": {"paths": ["/**"], "mcp": {"methods": ["**"]}}, "require": {"role": "Model.Query"}},
        {"name": "models", "match": {"methods": ["POST"], "models": ["a/*"]}, "require": {"role": "Model.Query"}},
        {"name": "list", "match": {"methods": ["GET"]}, "require": {"role": "Model.Query"}},
    ]);
    let (mut bench, token) = (Bench::warm(&with_rules(rules)), ada());
    let authorization = format!("Bearer {}", token.build());
    let fields = [
        (":method", "GET"),
        (":path", "/v1/models"),
        (":authority", "h.example"),
        ("authorization", &authorization),
    ];
    let mut headers = Headers::from_iter(fields);
    headers.is_all = true;
    let (id, ruling) = bench.send_headers(headers);
    assert_eq!(code_of(&ruling), "permitted");
    assert_eq!(
        respond(&mut bench, id, &[("content-type", "application/json")]).step,
        Return::Hold
    );
    let body = json!({"data": [{"id": "a/b"}, {"id": "c/d"}]}).to_string();
    let returned = bench
        .gate
        .response_body(id, Some(body.as_bytes()), true)
        .unwrap();
    let Return::Rewrite { body, .. } = returned.step else {
        panic!("{returned:?}")
    };
    assert!(body.contains("a/b") && !body.contains("c/d"), "{body}");
}

#[test]
fn shadow_rule_for_messages_changes_no_response() {
    let shadow = json!({"name": "shadow", "match": {"paths": ["/mcp"], "mcp": {"tools": ["x"]}}, "require": {"role": "Model.Query"}, "mode": "shadow"});
    let open =
        json!({"name": "open", "match": {"paths": ["/mcp"]}, "require": {"role": "Model.Query"}});
    let (mut bench, token) = (Bench::warm(&with_rules(json!([shadow, open]))), ada());
    let caller = Caller::new(&token).with("mcp-session-id", "s-1");
    let id = permitted(&mut bench, caller, LIST);
    let returned = respond(
        &mut bench,
        id,
        &[
            ("content-type", "application/json"),
            ("mcp-session-id", "s-1"),
        ],
    );
    assert_eq!((returned.step, returned.set), (Return::Pass, Vec::new()));
}

#[test]
fn held_events_are_limited_in_total() {
    let mut settings = models();
    settings["limits"] = json!({"body_inspected": 1000, "inspected_bytes": 1000});
    let (mut bench, token) = (Bench::warm(&settings), ada());
    let mut streams = Vec::new();
    for _ in 0..2 {
        let id = permitted(&mut bench, Caller::new(&token).by("GET"), "");
        respond(&mut bench, id, &[("content-type", "text/event-stream")]);
        let piece = format!("data: {}", "x".repeat(600));
        streams.push((
            id,
            bench
                .gate
                .filter_piece(id, Some(piece.as_bytes()), false)
                .unwrap(),
        ));
    }
    assert_eq!(streams[0].1, b"");
    assert!(String::from_utf8_lossy(&streams[1].1).contains("(mcp_unreadable)"));
    bench.gate.finish(streams[0].0, Some(200), bench.now);
    let passed = bench
        .gate
        .filter_piece(streams[1].0, Some(b"secret\n\ndata: 1\n\n"), false);
    assert_eq!(passed.unwrap(), b"\ndata: 1\n\n");
}

#[test]
fn host_that_withholds_responses_gets_no_list() {
    let (mut bench, token) = (Bench::warm(&models()), ada());
    bench.gate.limit(HostLimits {
        withholds_responses: true,
        ..HostLimits::default()
    });
    for (method, expected) in [
        ("POST", "mcp_unreadable"),
        ("GET", "mcp_unreadable"),
        ("DELETE", "permitted"),
    ] {
        let (_, ruling) = Caller::new(&token).by(method).send(&mut bench, LIST);
        assert_eq!(code_of(&ruling), expected, "{method}");
    }
}

/// Opens a session, and returns its id as the caller gets it.
fn open_session(bench: &mut Bench, caller: Caller<'_>, server_id: &str) -> String {
    let id = permitted(
        bench,
        caller,
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#,
    );
    let returned = respond(
        bench,
        id,
        &[
            ("content-type", "application/json"),
            ("mcp-session-id", server_id),
        ],
    );
    let edit = returned
        .set
        .iter()
        .find(|edit| edit.name == "mcp-session-id");
    edit.expect("the id is replaced").value.clone()
}

#[test]
fn session_belongs_to_the_caller_that_opened_it() {
    let (mut bench, ada, carl) = (Bench::warm(&models()), ada(), Token::of(Persona::Cora));
    let session = open_session(&mut bench, Caller::new(&ada), "s-1");
    assert_ne!(session, "s-1");
    let other = open_session(&mut bench, Caller::new(&carl), "s-1");
    for method in ["POST", "GET", "DELETE"] {
        let caller = Caller::new(&ada)
            .by(method)
            .with("mcp-session-id", &session);
        let (_, ruling) = caller.send(&mut bench, LIST);
        let upstream = edits_of(&ruling)
            .into_iter()
            .find(|(name, _)| name == "mcp-session-id");
        assert_eq!(upstream.unwrap().1, "s-1", "{method}");
        for (token, id) in [
            (&carl, &*session),
            (&ada, &*other),
            (&ada, "s-1"),
            (&ada, ""),
            (&ada, "s-1.AAAA"),
        ] {
            let caller = Caller::new(token).by(method).with("mcp-session-id", id);
            let (_, ruling) = caller.send(&mut bench, LIST);
            assert_eq!(code_of(&ruling), "mcp_session_unknown", "{method} {id}");
            let Step::Reply(reply) = ruling.step else {
                panic!()
            };
            let body: Value = serde_json::from_str(&reply.body).unwrap();
            let id = if method == "POST" {
                json!(1)
            } else {
                Value::Null
            };
            assert_eq!(
                (reply.status, &body["id"], &body["jsonrpc"]),
                (404, &id, &json!("2.0"))
            );
        }
    }
    // Paths without rules for MCP have no sessions.
    let mut bench = Bench::warm(&with_rules(
        json!([{"name": "all", "require": {"issuer": "contoso"}}]),
    ));
    let caller = Caller::new(&ada).by("GET").with("mcp-session-id", "s-1");
    let id = permitted(&mut bench, caller, "");
    assert_eq!(
        respond(&mut bench, id, &[("mcp-session-id", "s-1")]).set,
        []
    );
}

#[test]
fn session_outlives_a_change_of_rules_and_not_of_secrets() {
    let token = ada();
    let session = open_session(&mut Bench::warm(&models()), Caller::new(&token), "s-1");
    let mut changed = models();
    changed["rules"].as_array_mut().unwrap().rotate_left(1);
    changed["replies"] = json!({"realm": "x"});
    let mut rotated = models();
    rotated["credentials"][0]["value"] = json!("hf_rotated");
    for (settings, expected) in [(changed, "permitted"), (rotated, "mcp_session_unknown")] {
        let caller = Caller::new(&token).with("mcp-session-id", &session);
        let (_, ruling) = caller.send(&mut Bench::warm(&settings), LIST);
        assert_eq!(code_of(&ruling), expected);
    }
}

#[test]
fn session_without_token_is_bound_to_nobody() {
    let mut settings = models();
    let open = json!({"name": "open", "match": {"paths": ["/mcp"], "mcp": {"methods": ["initialize"]}}, "anonymous": true});
    settings["rules"].as_array_mut().unwrap().push(open);
    let (mut bench, token) = (Bench::warm(&settings), ada());
    let anyone = || Caller {
        token: None,
        ..Caller::new(&token)
    };
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#;
    let session = open_session(&mut bench, anyone(), "s-1");
    let (_, ruling) = anyone()
        .with("mcp-session-id", &session)
        .send(&mut bench, initialize);
    assert_eq!(code_of(&ruling), "anonymous");
    let (_, ruling) = Caller::new(&token)
        .with("mcp-session-id", &session)
        .send(&mut bench, LIST);
    assert_eq!(code_of(&ruling), "mcp_session_unknown");
}

#[test]
fn repeated_or_misspelled_session_header_is_ambiguous() {
    let (mut bench, token) = (Bench::warm(&models()), ada());
    let session = open_session(&mut bench, Caller::new(&token), "s-1");
    for name in ["mcp-session-id", "mcp_session_id", "mcp_session-id"] {
        let caller = Caller::new(&token)
            .with("mcp-session-id", &session)
            .with(name, &session);
        assert_eq!(
            code_of(&caller.send(&mut bench, LIST).1),
            "request_ambiguous",
            "{name}"
        );
    }
    let caller = Caller::new(&token).with("mcp_session_id", "s-1");
    assert_eq!(
        code_of(&caller.send(&mut bench, LIST).1),
        "request_ambiguous"
    );
}

#[test]
fn session_that_cannot_be_bound_is_not_returned() {
    let (mut bench, token) = (Bench::warm(&models()), ada());
    let long = "x".repeat(1025);
    for fields in [
        &[("mcp-session-id", "a b")][..],
        &[("mcp-session-id", "")],
        &[("mcp-session-id", &long)],
        &[("mcp-session-id", "a"), ("mcp-session-id", "b")],
    ] {
        let id = permitted(&mut bench, Caller::new(&token), LIST);
        assert_eq!(
            code_of_return(&respond(&mut bench, id, fields)),
            "mcp_unreadable"
        );
    }
}
