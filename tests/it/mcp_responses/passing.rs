//! The forms of responses: which are filtered, which pass, and which are denied.

use super::*;

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
