//! The values that the host's rate limits read: the model when a request is permitted, and the tokens when it ends.

use crate::support;

use entragate::gate::{Gate, Marks, Origin, Return, Returned, StreamId};
use entragate::http::headers::Headers;
use serde_json::{Value, json};
use support::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const EVENTS: (&str, &str) = ("content-type", "text/event-stream");
const USAGE: &str =
    r#"{"model":"org/m","usage":{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46}}"#;

fn charging(unknown_tokens: u64) -> Value {
    let mut settings = settings();
    settings["usage"] = json!({"unknown_tokens": unknown_tokens});
    settings
}

fn mark<'m>(marks: &'m Marks, name: &str) -> Option<&'m str> {
    let found = marks.iter().find(|(own, _)| *own == name);
    found.map(|(_, value)| &**value)
}

fn tokens(marks: &Marks) -> [Option<&str>; 3] {
    ["prompt", "completion", "total"].map(|kind| mark(marks, &format!("entragate.{kind}_tokens")))
}

/// Passes a response to the gate; `body` is `None` if the host ends the stream before its body.
fn respond(bench: &mut Bench, id: StreamId, status: &str, kind: (&str, &str), body: Option<&str>) {
    let headers = Headers::from_iter([(":status", status), kind]);
    let origin = Origin {
        details: Some(b"via_upstream"),
        now: bench.now,
    };
    bench.gate.response(id, &headers, Some(origin));
    if let Some(body) = body {
        bench.gate.response_body(id, Some(body.as_bytes()), true);
    }
}

fn ask(bench: &mut Bench, method: &str, path: &str) -> (StreamId, Marks) {
    let authorization = format!("Bearer {}", ada().build());
    let (id, ruling) = bench.send(&[
        (":method", method),
        (":path", path),
        (":authority", "gateway.contoso.com"),
        ("authorization", &authorization),
    ]);
    (id, ruling.marks)
}

#[test]
fn every_permitted_request_has_a_model() {
    let mut bench = Bench::warm(&with_rules(
        json!([{"name": "all", "require": {"role": "Model.Query"}}]),
    ));
    let (_, marks) = ask(&mut bench, "POST", "/v1/chat/completions");
    assert_eq!(mark(&marks, "entragate.model"), Some("unknown"));
    let (_, marks) = ask(&mut bench, "POST", "/models/org/name:fastest");
    assert_eq!(mark(&marks, "entragate.model"), Some("org/name"));
}

#[test]
fn denied_request_has_neither_model_nor_tokens() {
    let mut bench = Bench::warm(&charging(500));
    let token = ada().without("roles").build();
    let (id, ruling) = bench.chat(&token);
    assert_eq!(code_of(&ruling), "rule_unsatisfied");
    assert_eq!(mark(&ruling.marks, "entragate.model"), None);
    assert!(bench.gate.finish(id, Some(403), bench.now).is_empty());
}

#[test]
fn every_permitted_request_ends_with_its_charge() {
    let chat = "/v1/chat/completions";
    let chunk = "data: {\"choices\":[]}\n\n";
    for (method, path, status, kind, body, expected) in [
        ("POST", chat, "200", JSON, Some(USAGE), ["12", "34", "46"]),
        ("POST", chat, "200", JSON, Some("{}"), ["0", "0", "500"]),
        ("POST", chat, "200", EVENTS, Some(chunk), ["0", "0", "500"]),
        ("POST", chat, "200", JSON, None, ["0", "0", "500"]),
        ("POST", chat, "200", ("a", "b"), None, ["0", "0", "500"]),
        ("POST", chat, "500", JSON, Some("{}"), ["0", "0", "0"]),
        ("POST", chat, "429", JSON, Some("{}"), ["0", "0", "0"]),
        ("GET", "/v1/x", "200", JSON, Some("{}"), ["0", "0", "0"]),
        ("PUT", "/v1/x", "200", JSON, Some("{}"), ["0", "0", "0"]),
        (
            "POST",
            "/v1/messages/count_tokens",
            "200",
            JSON,
            Some("{}"),
            ["0", "0", "0"],
        ),
    ] {
        let mut bench = Bench::warm(&charging(500));
        let (id, marks) = ask(&mut bench, method, path);
        assert_eq!(mark(&marks, "entragate.code"), Some("permitted"), "{path}");
        respond(&mut bench, id, status, kind, body);
        let charge = bench.gate.finish(id, Some(200), bench.now);
        let case = format!("{method} {path} {status} {body:?}");
        assert_eq!(tokens(&charge), expected.map(Some), "{case}");
    }
}

#[test]
fn interrupted_stream_is_charged_the_reported_tokens() {
    let mut bench = Bench::warm(&charging(500));
    let (id, _) = ask(&mut bench, "POST", "/v1/messages");
    let begun = json!({"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}});
    let headers = Headers::from_iter([(":status", "200"), EVENTS]);
    bench.gate.response(id, &headers, None);
    let event = format!("data: {begun}\n\n");
    bench.gate.response_body(id, Some(event.as_bytes()), false);
    let charge = bench.gate.finish(id, Some(200), bench.now);
    assert_eq!(tokens(&charge), [Some("7"), Some("0"), Some("7")]);
}

#[test]
fn request_without_response_is_charged_nothing() {
    let mut bench = Bench::warm(&charging(500));
    let (id, _) = ask(&mut bench, "POST", "/v1/chat/completions");
    let charge = bench.gate.finish(id, None, bench.now);
    assert_eq!(tokens(&charge), [Some("0"); 3]);
}

#[test]
fn anonymous_request_has_a_model_and_a_charge() {
    let mut bench = Bench::warm(&charging(500));
    let (id, ruling) = bench.send(&[
        (":method", "GET"),
        (":path", "/health"),
        (":authority", "h"),
    ]);
    assert_eq!(mark(&ruling.marks, "entragate.model"), Some("unknown"));
    assert_eq!(mark(&ruling.marks, "entragate.oid"), None);
    let charge = bench.gate.finish(id, Some(200), bench.now);
    assert_eq!(tokens(&charge), [Some("0"); 3]);
}

#[test]
fn filter_state_has_the_chosen_values_and_tokens_only_if_usage_is_read() {
    const TOKENS: [&str; 3] = [
        "entragate.prompt_tokens",
        "entragate.completion_tokens",
        "entragate.total_tokens",
    ];
    for (change, is_marked, charged) in [
        (json!({"usage": false}), [true; 3], &[][..]),
        (json!({"audit": {"filter_state": true}}), [true; 3], &TOKENS),
        (json!({"audit": {"filter_state": false}}), [false; 3], &[]),
        (json!({"audit": {"filter_state": []}}), [false; 3], &[]),
        (
            json!({"audit": {"filter_state": ["model", "total_tokens", "oid"]}}),
            [true, true, false],
            &TOKENS[2..],
        ),
    ] {
        let mut settings = settings();
        let members = change.as_object().unwrap().clone();
        settings.as_object_mut().unwrap().extend(members);
        let mut bench = Bench::warm(&settings);
        let (id, marks) = ask(&mut bench, "POST", "/v1/chat/completions");
        let names = ["entragate.model", "entragate.oid", "entragate.code"];
        let set = names.map(|name| mark(&marks, name).is_some());
        assert_eq!(set, is_marked, "{change}");
        respond(&mut bench, id, "200", JSON, Some(USAGE));
        let charge = bench.gate.finish(id, Some(200), bench.now);
        let names: Vec<&str> = charge.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, charged, "{change}");
    }
}

/// A refusal as Envoy's global rate limit filter makes it.
const REFUSED: [(&str, &str); 6] = [
    (":status", "429"),
    ("x-envoy-ratelimited", "true"),
    (
        "x-ratelimit-limit",
        "5, 5;w=60;name=\"per-minute\", 900;w=86400;name=\"per-day\"",
    ),
    ("x-ratelimit-remaining", "0"),
    ("x-ratelimit-reset", "17"),
    ("content-length", "0"),
];

fn refuse(bench: &mut Bench, id: StreamId, fields: &[(&str, &str)], details: &[u8]) -> Returned {
    let headers = Headers::from_iter(fields.iter().copied());
    assert!(Gate::needs_origin(&headers));
    let origin = Origin {
        details: Some(details),
        now: bench.now,
    };
    bench.gate.response(id, &headers, Some(origin))
}

#[test]
fn refusal_by_a_rate_limit_filter_is_explained_and_recorded() {
    for details in ["request_rate_limited", "local_rate_limited"] {
        let mut bench = Bench::warm(&settings());
        let (id, _) = ask(&mut bench, "POST", "/v1/chat/completions");
        let returned = refuse(&mut bench, id, &REFUSED, details.as_bytes());
        let code = mark(&returned.marks, "entragate.code");
        assert_eq!(code, Some("quota_exceeded"));
        let Return::Replace(reply) = returned.step else {
            panic!("{returned:?}")
        };
        assert_eq!((reply.status, &*reply.details), (429, details));
        let header = |name: &str| {
            let found = reply.headers.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| value.to_string())
        };
        assert_eq!(header("retry-after").as_deref(), Some("17"));
        assert_eq!(header("x-envoy-ratelimited").as_deref(), Some("true"));
        assert_eq!(
            header("x-ratelimit-limit").as_deref(),
            Some(REFUSED[2].1),
            "Envoy's headers are kept"
        );
        let charge = bench.gate.finish(id, Some(429), bench.now);
        assert_eq!(tokens(&charge), [Some("0"); 3]);
        let record = bench.audit().remove(0);
        assert_eq!(
            [&record["code"], &record["decision"], &record["rule"]],
            ["quota_exceeded", "permit", "scientists"]
        );
        assert_eq!(record["upstream_status"], Value::Null);
        let reason = "Your quota 'per-minute' of 5 per minute is used up; try again in 17 s";
        assert_eq!(record["reason"], reason);
    }
}

#[test]
fn other_429_passes_unchanged() {
    for details in [
        Some(&b"via_upstream"[..]),
        Some(b"rate_limiter_error"),
        None,
    ] {
        let mut bench = Bench::warm(&settings());
        let (id, _) = ask(&mut bench, "POST", "/v1/chat/completions");
        let headers = Headers::from_iter(REFUSED);
        let origin = Origin {
            details,
            now: bench.now,
        };
        let returned = bench.gate.response(id, &headers, Some(origin));
        assert_eq!(returned.step, Return::Pass, "{details:?}");
        bench.gate.finish(id, Some(429), bench.now);
        assert_eq!(bench.audit()[0]["code"], "permitted");
    }
}

#[test]
fn refusal_with_another_status_is_an_exceeded_quota_too() {
    let grpc = [(":status", "200"), ("grpc-status", "14")];
    for fields in [&[(":status", "503")][..], &grpc] {
        let mut bench = Bench::warm(&settings());
        let (id, _) = ask(&mut bench, "POST", "/v1/chat/completions");
        let returned = refuse(&mut bench, id, fields, b"request_rate_limited");
        let Return::Replace(reply) = returned.step else {
            panic!("{returned:?}")
        };
        assert_eq!((reply.status, reply.grpc_status), (429, 8));
    }
}
