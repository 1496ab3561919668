//! Sessions belong to the callers that open them.

use super::*;

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
fn session_survives_a_change_of_rules_but_not_of_secrets() {
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
