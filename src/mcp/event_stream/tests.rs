use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const ERROR: &str =
    r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"x (mcp_unreadable)"}}"#;

fn is_shown(name: &str) -> bool {
    name.starts_with("hub_")
}

fn in_pieces<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, limit: usize) -> Vec<u8> {
    let mut stream = EventStream::new(ERROR.to_owned(), limit);
    let mut passed = Vec::new();
    for piece in pieces {
        passed.extend(stream.feed(piece, &is_shown));
        assert!(stream.held() <= limit + 2);
    }
    passed.extend(stream.close(&is_shown));
    passed
}

/// Filters a text as a whole, byte by byte, and split in two at every position, with the same result.
fn filtered(text: &[u8]) -> String {
    let limit = 1024;
    let whole = in_pieces([text], limit);
    assert_eq!(in_pieces(text.chunks(1), limit), whole);
    for at in 0..text.len() {
        let (one, two) = text.split_at(at);
        assert_eq!(in_pieces([one, two], limit), whole, "{at}");
    }
    String::from_utf8(whole).unwrap()
}

#[test]
fn list_of_tools_is_filtered_with_any_line_ends() {
    for end in ["\n", "\r", "\r\n"] {
        let text = [
            "\u{feff}: ping",
            "id: 5",
            "event: message",
            r#"data: {"id":1,"result":{"tools":[{"name":"hub_ä"},"#,
            "retry: 3",
            r#"data:{"name":"secret"}]}}"#,
            "",
            "data",
            "",
            "",
        ]
        .join(end);
        let expected = [
            "\u{feff}: ping",
            "id: 5",
            "event: message",
            r#"data: {"id":1,"result":{"tools":[{"name":"hub_ä"}]}}"#,
            "retry: 3",
            "",
            "data",
            "",
            "",
        ]
        .join(end);
        assert_eq!(filtered(text.as_bytes()), expected);
    }
}

#[test]
fn other_events_pass_byte_for_byte() {
    let text = ": keep\n\r\n:\nid:1\rdata:\r\rdata: {\"method\":\"a\",\ndata:  \"params\":{\"tools\":[{\"name\":\"b\"}]}}\r\n\r\n\
                event:x\nfoo\ndatax: y\n\nid: 2\nretry: 10\n\ndata: {\"result\":{\"content\":[]}}\n\ndata: 1";
    assert_eq!(filtered(text.as_bytes()), text);
    assert_eq!(filtered(b""), "");
}

#[test]
fn data_of_several_lines_stays_in_several_lines() {
    let text = "data: {\"result\":\ndata: {\"tools\":[{\"name\":\"a\"}],\ndata: \"x\":1}}\n\n";
    let expected = "data: {\"result\":\ndata: {\"tools\":[],\ndata: \"x\":1}}\n\n";
    assert_eq!(filtered(text.as_bytes()), expected);
}

#[test]
fn event_without_last_empty_line_is_filtered() {
    let list = r#"{"result":{"tools":[{"name":"secret"}]}}"#;
    let none = r#"{"result":{"tools":[]}}"#;
    for (end, expected) in [("", ""), ("\n", "\n"), ("\r\nid:1", "\r\nid:1")] {
        let text = format!("data: {list}{end}");
        assert_eq!(filtered(text.as_bytes()), format!("data: {none}{expected}"));
    }
    let broken = filtered(br#"data: {"result":{"tools":[{"name":"secret"}]"#);
    assert_eq!(broken, format!("data: {ERROR}"));
    // The field's name is not complete, so the line is not data.
    assert_eq!(filtered(b"dat"), "dat");
}

#[test]
fn unreadable_data_is_replaced_by_the_error() {
    for data in [
        &b"secret"[..],
        b"{\"result\":{\"tools\":[{\"name\":\"secret\"}]}",
        b"{\"result\":{\"tools\":[],\"tools\":[{\"name\":\"secret\"}]}}",
        b"{\"result\":{\"tools\":{\"secret\":1}}}",
        b"{\"result\":{\"tools\":[{\"name\":\"secret\xff\"}]}}",
    ] {
        let text = [
            b"id: 1\nevent: message\ndata: ",
            data,
            b"\nid: 2\n\ndata: 2\n\n",
        ]
        .concat();
        let expected = format!("id: 1\nevent: message\ndata: {ERROR}\nid: 2\n\ndata: 2\n\n");
        assert_eq!(filtered(&text), expected);
    }
}

#[test]
fn event_that_is_too_long_is_replaced_and_the_stream_continues() {
    let long = format!("secret{}", "x".repeat(2000));
    for end in ["\n", "\r", "\r\n"] {
        for (before, kept) in [
            (vec!["id: 1"], format!("id: 1{end}")),
            (vec!["id: 1", "data: secret"], format!("id: 1{end}")),
            (vec![], String::new()),
        ] {
            for field in ["data: ", "foo", ""] {
                let lines = [
                    format!("{field}{long}"),
                    "data: secret".into(),
                    String::new(),
                ];
                let mut all: Vec<String> = before.iter().map(|line| (*line).to_owned()).collect();
                all.extend(lines);
                all.extend(["data: 2".to_owned(), String::new(), String::new()]);
                let expected = format!("{kept}data: {ERROR}\n{end}data: 2{end}{end}");
                assert_eq!(filtered(all.join(end).as_bytes()), expected);
            }
        }
    }
    // A byte order mark does not hide a field, and the end of the stream ends the event.
    let text = format!("\u{feff}data: secret\ndata: {long}");
    assert_eq!(
        filtered(text.as_bytes()),
        format!("\u{feff}data: {ERROR}\n\n")
    );
}

#[test]
fn comment_between_events_is_not_held() {
    let mut stream = EventStream::new(ERROR.to_owned(), 100);
    assert_eq!(stream.feed(b": ping\n", &is_shown), b": ping\n");
    assert_eq!(stream.feed(b": ping\r", &is_shown), b": ping\r");
    assert_eq!(stream.feed(b"\ndata: 1\n", &is_shown), b"\n");
    assert_eq!(stream.held(), 8);
    assert_eq!(stream.feed(b": x\n\n", &is_shown), b"data: 1\n: x\n\n");
}

#[test]
fn dropped_event_counts_as_replaced() {
    let mut stream = EventStream::new(ERROR.to_owned(), 100);
    let mut passed = stream.feed(b"id: 1\ndata: secret\r", &is_shown);
    stream.drop_event(&mut passed);
    assert_eq!((stream.held(), stream.replaced()), (0, 1));
    passed.extend(stream.feed(b"\nda", &is_shown));
    passed.extend(stream.feed(b"ta: secret\r\n\r\ndata: 2\n\n", &is_shown));
    let expected = format!("id: 1\ndata: {ERROR}\n\r\ndata: 2\n\n");
    assert_eq!(String::from_utf8(passed).unwrap(), expected);
}

/// A stream's events as clients read them (WHATWG HTML §9.2.6): the lines other than data, and the data.
fn events(stream: &str) -> Vec<(Vec<String>, Option<Value>)> {
    let text = stream.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.split("\n\n")
        .map(|event| {
            let (data, others): (Vec<&str>, Vec<&str>) = event
                .lines()
                .filter(|line| !line.is_empty())
                .partition(|line| line.starts_with("data"));
            let data: Vec<&str> = data.iter().map(|line| line[5..].trim_start()).collect();
            let others = others.into_iter().map(str::to_owned).collect();
            (others, serde_json::from_str(&data.join("\n")).ok())
        })
        .filter(|(others, data): &(Vec<String>, _)| !others.is_empty() || data.is_some())
        .collect()
}

fn tool() -> impl Strategy<Value = Value> {
    let name = prop_oneof!["(hub|pub)_[a-zä\"\\\\]{0,4}", any::<String>()];
    (name, crate::json::tests::values())
        .prop_map(|(name, other)| json!({"name": name, "inputSchema": other}))
}

fn message() -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(tool(), 0..6);
    let list =
        (list, any::<bool>(), crate::json::tests::values()).prop_map(|(tools, public, other)| {
            let mut result = json!({"nextCursor": other, "tools": tools});
            if public {
                result["cacheScope"] = "public".into();
            }
            json!({"jsonrpc": "2.0", "id": 1, "result": result})
        });
    let other =
        crate::json::tests::values().prop_map(|other| json!({"method": "x", "params": other}));
    let one = prop_oneof![list, other].boxed();
    prop_oneof![
        one.clone(),
        prop::collection::vec(one, 0..4).prop_map(Value::from)
    ]
}

/// The message that remains after filtering.
fn expected(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(messages) = message.as_array_mut() {
        messages.iter_mut().for_each(|one| *one = expected(one));
        return message;
    }
    if let Some(tools) = message
        .pointer_mut("/result/tools")
        .and_then(Value::as_array_mut)
    {
        tools.retain(|tool| is_shown(tool["name"].as_str().unwrap()));
        if let Some(scope) = message.pointer_mut("/result/cacheScope") {
            *scope = "private".into();
        }
    }
    message
}

/// An event with the message in one line or in several lines.
fn event(message: &Value, several: bool, end: &str, id: u8) -> String {
    let text = if several {
        serde_json::to_string_pretty(message).unwrap()
    } else {
        message.to_string()
    };
    let data: String = text
        .lines()
        .map(|line| format!("data: {line}{end}"))
        .collect();
    format!("id: {id}{end}{data}event: message{end}{end}")
}

proptest! {
    /// No part of the output contains a tool that is not shown, and everything else remains.
    #[test]
    fn only_shown_tools_pass_for_any_division_into_pieces(
        messages in prop::collection::vec((message(), any::<bool>(), any::<u8>()), 0..5),
        end in prop::sample::select(vec!["\n", "\r", "\r\n"]),
        mark in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut text = String::from(if mark { "\u{feff}" } else { "" });
        for (message, several, id) in &messages {
            text.push_str(&event(message, *several, end, *id));
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]);
        let passed = String::from_utf8(in_pieces(pieces, 1 << 20)).unwrap();
        let wanted: Vec<_> = messages
            .iter()
            .map(|(message, _, id)| {
                let others = vec![format!("id: {id}"), "event: message".to_owned()];
                (others, Some(expected(message)))
            })
            .collect();
        prop_assert_eq!(events(&passed), wanted);
        // Events that need no change pass byte for byte.
        if messages.iter().all(|(message, ..)| expected(message) == *message) {
            prop_assert_eq!(passed, text);
        }
    }

    /// Broken, cut or long events never reveal a tool, and no stream is held beyond the limit.
    #[test]
    fn broken_events_reveal_no_tool(
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"{}[]:,x".to_vec())), 0..4),
        end in any::<prop::sample::Index>(),
        limit in 20_usize..400,
        size in 1_usize..50,
    ) {
        let list = json!({"id": 1, "result": {"tools": [{"name": "hub_a"}, {"name": "Q"}]}});
        let mut text = event(&list, true, "\n", 1).into_bytes();
        text.extend(event(&list, false, "\r\n", 2).into_bytes());
        text.truncate(end.index(text.len() + 1));
        for (at, byte) in damage {
            let at = at.index(text.len().max(1));
            // If a line with the secret is no longer data, it is not part of a message.
            let near = text.get(at.saturating_sub(60)..(at + 60).min(text.len()));
            let is_part = text.get(at).is_some_and(|byte| b"{}[]:,".contains(byte));
            // Without the line of `result`, the rest may be another valid message, which lists no tools.
            let is_field = text.get(..at).is_some_and(|start| start.ends_with(b"data"));
            if is_part && !is_field && !near.unwrap_or_default().contains(&b'Q') {
                text[at] = byte;
            }
        }
        let passed = in_pieces(text.chunks(size), limit);
        prop_assert!(!passed.contains(&b'Q'), "{}", String::from_utf8_lossy(&passed));
    }
}
