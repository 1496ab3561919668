//! Tests of the messages that are read from a body, and of the bodies that are rejected.

use super::*;

fn only(body: &str) -> Message {
    match read(body.as_bytes()) {
        Ok(Mcp::Message(message)) => (*message).clone(),
        other => panic!("{body}: {other:?}"),
    }
}

fn refused(body: impl AsRef<[u8]>) -> BodyUnavailable {
    let body = body.as_ref();
    let text = String::from_utf8_lossy(body);
    read(body).expect_err(&text)
}

#[test]
fn message_is_read() {
    for (body, method, tool, id) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"name":"b"}}}"#,
            "tools/call",
            Some("a"),
            Some("1"),
        ),
        // The order of members, escapes and white space are not significant.
        (
            " \n{\"params\":{\"n\\u0061me\":\"\\u0061\"},\"\\u006dethod\":\"tools\\/call\"}\r\n",
            "tools/call",
            Some("a"),
            None,
        ),
        (
            r#"{"method":"tools/list","params":{"name":"a"},"id":"x\u00e9\"é"}"#,
            "tools/list",
            None,
            Some(r#""x\u00e9\"é""#),
        ),
        (
            r#"{"method":"notifications/initialized"}"#,
            "notifications/initialized",
            None,
            None,
        ),
        (
            r#"{"id":123456789012345678901234567890,"method":"ping"}"#,
            "ping",
            None,
            Some("123456789012345678901234567890"),
        ),
        (
            r#"{"id":-1.50e2,"method":"ping"}"#,
            "ping",
            None,
            Some("-1.50e2"),
        ),
        (r#"{"id":null,"method":"ping"}"#, "ping", None, Some("null")),
        (
            r#"{"id":7,"result":{"method":"tools/call"}}"#,
            "response",
            None,
            Some("7"),
        ),
        (r#"{"id":7,"error":{}}"#, "response", None, Some("7")),
        (r#"{"id":7,"result":null}"#, "response", None, Some("7")),
        // A method or tool at another level does not count.
        (
            r#"{"method":"ping","params":{"method":"tools/call","x":{"name":"a"}},"x":{"method":"tools/call"}}"#,
            "ping",
            None,
            None,
        ),
        // Calls that name no tool.
        (r#"{"method":"tools/call"}"#, "tools/call", None, None),
        (
            r#"{"method":"tools/call","params":null}"#,
            "tools/call",
            None,
            None,
        ),
        (
            r#"{"method":"tools/call","params":["a"]}"#,
            "tools/call",
            None,
            None,
        ),
        (
            r#"{"method":"tools/call","params":{"name":1}}"#,
            "tools/call",
            None,
            None,
        ),
        (
            r#"{"method":"tools/call","params":{"name":null}}"#,
            "tools/call",
            None,
            None,
        ),
        (
            r#"{"method":"tools/call","params":{"uri":"a"}}"#,
            "tools/call",
            None,
            None,
        ),
    ] {
        let message = only(body);
        assert_eq!(&*message.method, method, "{body}");
        assert_eq!(message.tool.as_deref(), tool, "{body}");
        assert_eq!(message.id.as_deref(), id, "{body}");
    }
    assert_eq!(read(b""), Ok(Mcp::None));
    let long = format!(r#"{{"id":"{}","method":"ping"}}"#, "x".repeat(MAX_ID));
    assert_eq!(only(&long).id, None);
    let uri = |length| {
        let body = format!(
            r#"{{"method":"resources/read","params":{{"uri":"{}"}}}}"#,
            " ".repeat(length)
        );
        only(&body).name.map(|name| name.len())
    };
    assert_eq!(uri(MAX_NAME), Some(MAX_NAME));
    assert_eq!(uri(MAX_NAME + 1), None, "no header can repeat it");
}

#[test]
fn batch_is_read_in_order() {
    let body =
        r#"[{"method":"ping"},{"id":1,"result":0},{"method":"tools/call","params":{"name":"a"}}]"#;
    let mcp = read(body.as_bytes()).unwrap();
    let methods: Vec<&str> = mcp.messages().iter().map(|each| &*each.method).collect();
    assert_eq!(methods, ["ping", "response", "tools/call"]);
    assert_eq!((mcp.tool(), mcp.id()), (None, None));
    let most = format!("[{}]", vec![r#"{"method":"ping"}"#; MAX_BATCH].join(","));
    assert_eq!(read(most.as_bytes()).unwrap().messages().len(), MAX_BATCH);
}

#[test]
fn body_that_two_servers_could_read_differently_is_ambiguous() {
    for body in [
        r#"{"method":"ping","method":"tools/call"}"#,
        r#"{"method":"ping","\u006dethod":"tools/call"}"#,
        r#"{"method":"ping","Method":"tools/call"}"#,
        r#"{"Method":"tools/call"}"#,
        r#"{"method":"ping","PARAMS":{}}"#,
        r#"{"method":"ping","param\u017f":{}}"#,
        r#"{"method":"ping","paramſ":{}}"#,
        r#"{"method":"ping","ID":1}"#,
        r#"{"method":"ping","JsonRPC":"2.0"}"#,
        r#"{"result":1,"Method":"tools/call"}"#,
        // For a server written in C, a NUL ends a name.
        r#"{"method\u0000":"tools/call","method":"ping"}"#,
        r#"{"method":"ping","METHOD\u0000x":"tools/call"}"#,
        r#"{"method":"tools/call","params":{"name\u0000":"b","name":"a"}}"#,
        r#"{"method":"ping"," method":"tools/call"}"#,
        r#"{"method":"ping","method\n":"tools/call"}"#,
        r#"{"method":"ping","\ufeffmethod":"tools/call"}"#,
        r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
        r#"{"method":"tools/call","params":{"NAME":"b"}}"#,
        r#"{"method":"tools/call","params":{"name":"a","arguments":{"x":1,"x":2}}}"#,
        r#"{"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#,
        r#"[{"method":"ping"},{"id":1,"id":2,"method":"ping"}]"#,
        r#"{"method":"tools/call","result":1}"#,
        r#"{"method":"tools/call","error":null}"#,
        r#"{"method":"Tools/Call"}"#,
        r#"{"method":"tools/call "}"#,
        r#"{"method":" tools/call"}"#,
        r#"{"method":"tools/call\u0000"}"#,
        r#"{"method":"tools/\u200bcall"}"#,
        r#"{"method":""}"#,
        r#"{"method":"tools/call","params":{"name":" a"}}"#,
        r#"{"method":"tools/call","params":{"name":"a\n"}}"#,
        r#"{"method":"tools/call","params":{"name":"a\u0000b"}}"#,
        r#"{"method":"tools/call","params":{"name":"a\u00a0"}}"#,
        r#"{"method":"tools/call","params":{"name":"\ufeffa"}}"#,
    ] {
        assert!(matches!(refused(body), Ambiguous(_)), "{body}");
    }
    let long = "m".repeat(MAX_TEXT + 1);
    for body in [
        format!(r#"{{"method":"{long}"}}"#),
        format!(r#"{{"method":"tools/call","params":{{"name":"{long}"}}}}"#),
    ] {
        assert!(matches!(refused(body), Ambiguous(_)));
    }
}

#[test]
fn body_that_is_not_json_rpc_is_unreadable() {
    for body in [
        " ",
        "5",
        "\"tools/call\"",
        "null",
        "{",
        "{}",
        r#"{"id":1}"#,
        r#"{"model":"org/name","messages":[]}"#,
        r#"{"method":null}"#,
        r#"{"method":1}"#,
        r#"{"method":["tools/call"]}"#,
        r#"{"method":{"method":"ping"}}"#,
        r#"{"id":true,"method":"ping"}"#,
        r#"{"id":{},"method":"ping"}"#,
        r#"{"id":[1],"method":"ping"}"#,
        r#"{"id":NaN,"method":"ping"}"#,
        r#"{"method":"ping"}{"method":"tools/call"}"#,
        r#"{"method":"ping"},"#,
        "{\"method\":\"ping\"}\n{\"method\":\"ping\"}",
        r#"{'method':'ping'}"#,
        r#"{"method":"ping",}"#,
        r#"{"method":"ping"/**/}"#,
        r#"{"method":"\ud800"}"#,
        "\u{feff}{\"method\":\"ping\"}",
        "[]",
        "[1]",
        "[[{\"method\":\"ping\"}]]",
        "[{\"method\":\"ping\"},null]",
        "[{\"method\":\"ping\"}",
        "[{\"method\":\"ping\"}]]",
    ] {
        assert!(matches!(refused(body), Unreadable(_)), "{body}");
    }
    let utf16: Vec<u8> = r#"{"method":"ping"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(matches!(refused(utf16), Unreadable(_)));
    assert!(matches!(refused(b"{\"method\":\"p\xff\"}"), Unreadable(_)));
    let deep = format!(
        r#"{{"method":"ping","params":{}{}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    assert!(matches!(refused(deep), Unreadable(_)));
    let many = format!(
        "[{}]",
        vec![r#"{"method":"ping"}"#; MAX_BATCH + 1].join(",")
    );
    assert!(matches!(refused(many), Unreadable(_)));
}
