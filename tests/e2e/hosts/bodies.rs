//! Rules that need the model in a request's body.

use super::*;

fn by_model() -> Value {
    let mut settings = settings();
    settings["rules"] = json!([
        {"name": "llama", "match": {"methods": ["POST"], "paths": ["/v1/**"], "models": ["meta-llama/*"]},
         "require": {"role": "Model.Query"}, "credential": "hf-read"},
    ]);
    settings
}

fn open(gateway: &mut Gateway) -> u32 {
    let bearer = format!("Bearer {}", ada().build());
    let fields = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let path = "/v1/chat/completions";
    let headers = headers(gateway.rules(), "POST", "hf.contoso.com", path, &fields);
    gateway.host.open(headers, false)
}

const LLAMA: &[u8] = br#"{"model": "meta-llama/Llama-3.1-8B-Instruct", "messages": []}"#;
const OTHER: &[u8] = br#"{"model": "mistralai/Mistral-7B", "messages": []}"#;

#[test]
fn envoy_holds_a_request_until_its_model_is_read() {
    for (body, code) in [(LLAMA, "forwarded"), (OTHER, "no_rule")] {
        let mut gateway = Gateway::warm(Rules::Envoy, &by_model());
        let id = open(&mut gateway);
        let (first, rest) = body.split_at(17);
        gateway.host.body(id, first, false);
        assert_eq!(gateway.code(id), "held");
        gateway.host.body(id, rest, true);
        assert_eq!(gateway.code(id), code);
    }
}

#[test]
fn envoy_that_withholds_the_body_denies() {
    let mut settings = Settings::new(Rules::Envoy, &by_model());
    settings.hands_out_bodies = false;
    let mut gateway = Gateway::start(settings);
    gateway.host.tick();
    gateway.publish(&[&key::rsa()]);
    let id = open(&mut gateway);
    gateway.host.body(id, LLAMA, true);
    gateway.host.advance(3 * SECOND);
    assert_eq!(gateway.code(id), "internal");
}

#[test]
fn envoy_keys_and_body_can_arrive_in_any_order() {
    let mut gateway = Gateway::cold(Rules::Envoy, &by_model());
    gateway.host.tick();
    let id = open(&mut gateway);
    gateway.host.body(id, LLAMA, true);
    assert_eq!(gateway.code(id), "held");
    gateway.publish(&[&key::rsa()]);
    assert_eq!(gateway.code(id), "forwarded");
}

#[test]
fn envoy_caller_that_hangs_up_in_the_body_is_released() {
    let mut gateway = Gateway::warm(Rules::Envoy, &by_model());
    let id = open(&mut gateway);
    gateway.host.body(id, &LLAMA[..20], false);
    gateway.host.end(id);
    assert_eq!(gateway.audit(), [] as [Value; 0]);
    gateway.host.advance(3 * SECOND);
}

#[test]
fn nginx_rules_that_need_the_body_deny() {
    let mut gateway = Gateway::warm(Rules::Nginx, &by_model());
    let id = open(&mut gateway);
    assert_eq!(gateway.code(id), "internal");
    let logs = gateway.host.logs();
    let is_logged = |line: &&String| line.contains("delivers no body");
    assert_eq!(logs.iter().filter(is_logged).count(), 1, "{logs:?}");
    let again = open(&mut gateway);
    assert_eq!(gateway.code(again), "internal");
    assert_eq!(
        gateway.host.logs().iter().filter(is_logged).count(),
        0,
        "once"
    );
}

#[test]
fn nginx_body_does_not_evade_a_deny_rule() {
    let mut settings = settings();
    settings["rules"] = json!([
        {"name": "not-llama", "match": {"models": ["meta-llama/*"]}, "effect": "deny"},
        {"name": "rest", "match": {"paths": ["/v1/**"]}, "require": {"issuer": "contoso"},
         "credential": "hf-read"},
    ]);
    let mut gateway = Gateway::warm(Rules::Nginx, &settings);
    let id = open(&mut gateway);
    assert_eq!(gateway.code(id), "internal");
}

/// nginx does not report whether content follows.
#[test]
fn nginx_request_of_length_zero_is_decided_by_rules_without_models() {
    let mut settings = by_model();
    let path_rule = json!({"name": "info", "match": {"paths": ["/v1/info"]},
        "require": {"role": "Model.Query"}, "credential": "hf-read"});
    settings["rules"].as_array_mut().unwrap().push(path_rule);
    let bearer = format!("Bearer {}", ada().build());
    for (length, code) in [("0", "forwarded"), ("1", "internal")] {
        let mut gateway = Gateway::warm(Rules::Nginx, &settings);
        let fields = [
            ("authorization", bearer.as_str()),
            ("content-length", length),
        ];
        let fields = headers(
            gateway.rules(),
            "POST",
            "hf.contoso.com",
            "/v1/info",
            &fields,
        );
        let id = gateway.host.open(fields, false);
        assert_eq!(gateway.code(id), code, "{length}");
    }
}

#[test]
fn envoy_refuses_bodies_that_reach_a_limit() {
    let mut settings = by_model();
    settings["limits"] = json!({"body_inspected": 100, "inspections": 2, "inspected_bytes": 100,
        "inspection_timeout": "10s"});
    let mut gateway = Gateway::warm(Rules::Envoy, &settings);
    let held = [open(&mut gateway), open(&mut gateway)];
    let third = open(&mut gateway);
    assert_eq!(gateway.code(third), "inspection_unavailable");
    let spaces = [b' '; 60];
    gateway.host.body(held[0], &spaces, false);
    gateway.host.body(held[1], &spaces, false);
    assert_eq!(gateway.code(held[0]), "held");
    assert_eq!(gateway.code(held[1]), "inspection_unavailable");
    // Only the passing of time ends the wait.
    gateway.host.advance(9 * SECOND);
    assert_eq!(gateway.code(held[0]), "held");
    gateway.host.advance(2 * SECOND);
    assert_eq!(gateway.code(held[0]), "body_timeout");
    for limit in ["inspections", "inspected_bytes", "inspection_timeout"] {
        let name = format!("entragate.held.exceeded.{limit}");
        assert_eq!(gateway.host.metric(&name), Some(1), "{limit}");
    }
}

#[test]
fn envoy_refuses_a_parked_body_that_is_not_read() {
    let mut settings = settings();
    settings["limits"] = json!({"body_inspected": 100, "inspected_bytes": 100});
    let mut gateway = Gateway::cold(Rules::Envoy, &settings);
    gateway.host.tick();
    let id = open(&mut gateway);
    gateway.host.body(id, &[b' '; 60], false);
    assert_eq!(gateway.code(id), "held");
    gateway.host.body(id, &[b' '; 60], false);
    assert_eq!(gateway.code(id), "inspection_unavailable");
}
