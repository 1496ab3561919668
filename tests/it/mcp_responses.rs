//! Responses of MCP servers: lists of tools, and sessions.

mod passing;
mod sessions;

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
        // An indeterminate requirement never permits.
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
