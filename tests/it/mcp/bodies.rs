//! The bodies that are held or collected for a decision, and their limits.

use super::*;

#[test]
fn message_may_arrive_before_or_after_the_keys() {
    for (tool, code) in [("hub_a", "permitted"), ("delete", "denied_by_rule")] {
        let body = call(tool);
        let mut bench = Bench::cold(&by_tool());
        // An anonymous rule needs the message, so it is read first.
        let (id, ruling) = post(&body).begin(&mut bench);
        assert_eq!(ruling.step, Step::Inspect);
        assert_eq!(feed(&mut bench, id, &body).unwrap().step, Step::Wait);
        bench.answer(jwks(&[&keys::rsa()]));
        assert_eq!(bench.resume_woken(), [(id, code.to_owned())]);
    }
}

#[test]
fn model_and_message_are_read_from_the_same_body() {
    let mut settings = with_rules(json!([
        {"name": "both", "match": {"paths": ["/v1/mcp"], "models": ["org/*"], "mcp": {"tools": ["hub_*"]}},
         "require": {"role": "Model.Query"}},
        {"name": "list", "match": {"paths": ["/v1/mcp"], "mcp": {"methods": ["tools/list"]}}, "require": {"role": "Model.Query"}},
        {"name": "llama", "match": {"paths": ["/v1/**"], "models": ["meta/*"]}, "require": {"role": "Model.Query"}},
    ]));
    settings["limits"] = json!({"body_inspected": 1000});
    let body = |model: &str, tool: &str| {
        json!({"model": model, "method": "tools/call", "params": {"name": tool}}).to_string()
    };
    for (body, expected) in [
        (body("org/a", "hub_a"), "permitted"),
        (body("org/a", "x"), "no_rule"),
        (body("meta/a", "x"), "permitted"),
        (body("other/a", "hub_a"), "no_rule"),
        (
            r#"{"model":"other/a","method":"tools/list"}"#.to_owned(),
            "permitted",
        ),
        // The first rule names models, and the body names none.
        (
            r#"{"method":"tools/call","params":{"name":"hub_a"}}"#.to_owned(),
            "model_missing",
        ),
        (r#"{"method":"tools/list"}"#.to_owned(), "permitted"),
        (r#"{"model":"meta/a"}"#.to_owned(), "body_unreadable"),
    ] {
        let sent = Sent {
            path: "/v1/mcp",
            ..post(&body)
        };
        let (ruling, _) = sent.end(&mut Bench::warm(&settings));
        assert_eq!(code_of(&ruling), expected, "{body}");
    }
}

#[test]
fn shadow_rule_reads_the_message_of_a_forwarded_request() {
    let settings = with_rules(json!([
        {"name": "watch", "match": {"paths": ["/mcp"], "mcp": {"tools": ["x"]}}, "effect": "deny", "mode": "shadow"},
        {"name": "all", "require": {"role": "Model.Query"}},
    ]));
    for (tool, expected) in [
        ("x", json!([{"rule": "watch", "would": "deny"}])),
        ("y", json!([])),
    ] {
        let body = call(tool);
        let mut bench = Bench::warm(&settings);
        let (id, ruling) = post(&body).begin(&mut bench);
        assert_eq!(code_of(&ruling), "permitted");
        assert!(bench.gate.wants_body(id));
        assert_eq!(feed(&mut bench, id, &body), None);
        bench.gate.finish(id, Some(200), bench.now);
        let record = bench.audit().pop().unwrap();
        assert_eq!(record["shadow"], expected);
        assert_eq!(record["mcp_tool"], tool);
    }
}

#[test]
fn collected_bodies_count_twice_until_the_decision() {
    let mut settings = by_tool();
    settings["limits"] = json!({"body_inspected": 1000, "inspected_bytes": 1000});
    let mut bench = Bench::warm(&settings);
    let body = format!(r#"{{"method":"tools/list","x":"{}"}}"#, "x".repeat(400));
    let (first, _) = post(&body).begin(&mut bench);
    let half = &body.as_bytes()[..300];
    let piece =
        |bench: &mut Bench, id| bench.gate.body(id, Some(half), false, bench.now, &Portable);
    assert_eq!(piece(&mut bench, first), None);
    let (second, _) = post(&body).begin(&mut bench);
    let refused = piece(&mut bench, second).expect("600 + 600 bytes exceed the limit");
    assert_eq!(code_of(&refused), "inspection_unavailable");
    let ruling = bench.gate.body(
        first,
        Some(&body.as_bytes()[300..]),
        true,
        bench.now,
        &Portable,
    );
    assert_eq!(code_of(&ruling.unwrap()), "permitted");
    // Nothing is counted any more.
    let (third, _) = post(&body).begin(&mut bench);
    let whole = bench
        .gate
        .body(third, Some(body.as_bytes()), true, bench.now, &Portable);
    assert_eq!(code_of(&whole.unwrap()), "permitted");
}

#[test]
fn forwarded_bodies_that_are_collected_are_limited() {
    let mut settings = with_rules(json!([
        {"name": "watch", "match": {"paths": ["/mcp"], "mcp": {"tools": ["x"]}}, "effect": "deny", "mode": "shadow"},
        {"name": "all", "require": {"role": "Model.Query"}},
    ]));
    settings["limits"] = json!({"body_inspected": 1000, "inspected_bytes": 1000});
    let mut bench = Bench::warm(&settings);
    let piece = [b' '; 600];
    let ids = [0, 1].map(|_| {
        let (id, _) = post("x").begin(&mut bench);
        assert_eq!(
            bench
                .gate
                .body(id, Some(&piece), false, bench.now, &Portable),
            None
        );
        id
    });
    assert!(bench.gate.wants_body(ids[0]));
    assert!(
        !bench.gate.wants_body(ids[1]),
        "the second body is not collected any more"
    );
    bench.gate.finish(ids[0], Some(200), bench.now);
    let (id, _) = post("x").begin(&mut bench);
    assert_eq!(
        bench
            .gate
            .body(id, Some(&piece), false, bench.now, &Portable),
        None
    );
    assert!(bench.gate.wants_body(id));
}

#[test]
fn host_that_withholds_bodies_denies_messages_only() {
    let mut bench = Bench::warm(&by_tool());
    bench.gate.limit(entragate::gate::HostLimits {
        withholds_bodies: true,
        ..Default::default()
    });
    let list = r#"{"method":"tools/list"}"#;
    for (sent, expected) in [
        (post(list), "internal"),
        (
            Sent {
                method: "GET",
                body: None,
                ..post("")
            },
            "permitted",
        ),
        (
            Sent {
                path: "/v1/x",
                ..post(list)
            },
            "permitted",
        ),
    ] {
        let (ruling, _) = sent.end(&mut bench);
        assert_eq!(code_of(&ruling), expected);
    }
}
