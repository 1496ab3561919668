//! Requests whose headers announce content but that have none: rules that name models do not apply to them.

use super::support::*;
use super::*;
use entragate::http::headers::Headers;

/// A rule on models for all of `/v1`, then a rule on paths that needs no model.
fn model_rule_before_path_rule() -> Value {
    let mut settings = settings();
    settings["rules"] = json!([
        {"name": "models", "match": {"paths": ["/v1/**"], "models": ["meta/*"]},
         "require": {"role": "Model.Query"}, "credential": "hf-read"},
        {"name": "paths", "match": {"paths": ["/v1/info", "/v1/realtime"]},
         "require": {"role": "Model.Query"}, "credential": "hf-read"},
    ]);
    settings
}

/// Sends a request for `/v1/info` whose headers do not determine whether content follows.
fn begin(bench: &mut Bench, method: &str, fields: &[(&str, &str)]) -> (StreamId, Ruling) {
    let authorization = format!("Bearer {}", ada().build());
    let mut headers = Headers::from_iter([
        (":method", method),
        (":path", "/v1/info"),
        (":authority", "gateway.contoso.com"),
        ("authorization", authorization.as_str()),
    ]);
    for (name, value) in fields {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    bench.send_headers(headers)
}

const FORMS: [(&str, &[(&str, &str)]); 7] = [
    ("GET", &[]),
    ("GET", &[("transfer-encoding", "chunked")]),
    ("POST", &[("content-length", "0")]),
    ("POST", &[("content-type", "text/plain")]),
    ("POST", &[("content-type", "application/json")]),
    ("POST", &[("content-encoding", "gzip")]),
    ("POST", &[("content-type", "application/grpc")]),
];

#[test]
fn request_that_ends_without_content_is_decided_by_rules_without_models() {
    for (method, fields) in FORMS {
        let mut bench = Bench::warm(&model_rule_before_path_rule());
        let (id, ruling) = begin(&mut bench, method, fields);
        assert_eq!(code_of(&ruling), "inspecting", "{method} {fields:?}");
        let empty = bench.gate.body(id, Some(b""), false, bench.now, &Portable);
        assert_eq!(empty, None, "more may follow");
        let end = bench.gate.body(id, Some(b""), true, bench.now, &Portable);
        let ruling = end.expect("a ruling at the end");
        assert_eq!(code_of(&ruling), "permitted", "{method} {fields:?}");
        bench.gate.finish(id, Some(200), bench.now);
        let record = bench.audit().remove(0);
        assert_eq!(
            (&record["rule"], &record["model"]),
            (&json!("paths"), &Value::Null)
        );
    }
}

#[test]
fn first_byte_of_unreadable_content_is_denied() {
    for (method, fields) in FORMS {
        let mut bench = Bench::warm(&model_rule_before_path_rule());
        let (id, _) = begin(&mut bench, method, fields);
        let ruling = bench.gate.body(id, Some(b"x"), false, bench.now, &Portable);
        let ruling = ruling.expect("a ruling at the first byte");
        assert_eq!(code_of(&ruling), "body_unreadable", "{method} {fields:?}");
    }
}

#[test]
fn unreadable_content_of_known_length_is_denied_without_waiting() {
    let mut bench = Bench::warm(&model_rule_before_path_rule());
    for length in ["5", "05", "x", "-0"] {
        let (_, ruling) = begin(&mut bench, "POST", &[("content-length", length)]);
        assert_eq!(code_of(&ruling), "body_unreadable", "{length}");
    }
}

#[test]
fn request_without_content_satisfies_no_rule_that_names_models() {
    let mut settings = model_rule_before_path_rule();
    settings["rules"].as_array_mut().unwrap().pop();
    let mut bench = Bench::warm(&settings);
    let (id, _) = begin(&mut bench, "POST", &[]);
    let ruling = bench.gate.body(id, Some(b""), true, bench.now, &Portable);
    assert_eq!(code_of(&ruling.unwrap()), "no_rule");
}

#[test]
fn withheld_content_of_unreadable_type_is_denied() {
    let mut bench = Bench::warm(&model_rule_before_path_rule());
    let (id, _) = begin(&mut bench, "POST", &[]);
    bench.advance(3);
    assert_eq!(bench.resume_woken(), [(id, "internal".to_owned())]);
}
