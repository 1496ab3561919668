//! Token usage is read from all forms of responses, however they are split.

mod corpus;
mod properties;

use corpus::corpus;
use entragate::http::headers::Headers;
use entragate::usage::{Meter, Unknown, Usage};
use serde_json::{Value, json};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const SSE: &[(&str, &str)] = &[("content-type", "text/event-stream; charset=utf-8")];

fn read(headers: &[(&str, &str)], pieces: &[&[u8]], ends: bool) -> Usage {
    let mut meter = Meter::new(&Headers::from_iter(headers.iter().copied()));
    for piece in pieces {
        meter.feed(Some(piece), false);
    }
    if ends {
        meter.feed(Some(b""), true);
    }
    meter.finish()
}

fn counts(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt_tokens: Some(prompt),
        completion_tokens: Some(completion),
        total_tokens: Some(prompt + completion),
        ..Usage::default()
    }
}

fn named(usage: Usage) -> Usage {
    Usage {
        model: Some("org/m".into()),
        ..usage
    }
}

fn unknown(reason: Unknown) -> Usage {
    Usage {
        unknown: Some(reason),
        ..Usage::default()
    }
}

fn events(documents: &[Value]) -> String {
    let event = |document: &Value| format!("data: {document}\n\n");
    documents.iter().map(event).collect()
}

fn chunk(usage: Value) -> Value {
    let delta = json!({"content": "{\"usage\":{\"prompt_tokens\":99}} \\ \u{e9} data: {}\n\n"});
    json!({"object": "chat.completion.chunk", "model": "org/m", "choices": [{"index": 0, "delta": delta}], "usage": usage})
}

#[test]
fn usage_of_each_api_is_read_whole_and_byte_by_byte() {
    for (headers, body, expected) in corpus() {
        let whole = [body.as_bytes()];
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        assert_eq!(read(headers, &whole, true), expected, "{body}");
        assert_eq!(read(headers, &bytes, true), expected, "{body}");
        // The end can also arrive with the last piece.
        let mut meter = Meter::new(&Headers::from_iter(headers.iter().copied()));
        meter.feed(Some(body.as_bytes()), true);
        assert_eq!(meter.finish(), expected, "{body}");
    }
}

#[test]
fn integral_float_counts_as_an_integer() {
    for (number, count) in [
        ("1.0", Some(1)),
        ("12.000", Some(12)),
        ("0.0", Some(0)),
        ("1.2e3", Some(1200)),
        ("9007199254740991.0", Some(9_007_199_254_740_991)),
        ("18446744073709551615", Some(u64::MAX)),
        ("9007199254740994.0", None),
        ("18446744073709551616", None),
        ("1e400", None),
        ("1.5", None),
        ("-1.0", None),
        ("-0.0", None),
        ("inf", None),
        ("nan", None),
        ("true", None),
        (r#""1.0""#, None),
    ] {
        let body = format!(r#"{{"usage":{{"prompt_tokens":{number}}}}}"#);
        let usage = read(JSON, &[body.as_bytes()], true);
        assert_eq!(usage.prompt_tokens, count, "{number}");
        let stream = format!("data: {body}\n\n");
        let usage = read(SSE, &[stream.as_bytes()], true);
        assert_eq!(usage.prompt_tokens, count, "{number}");
    }
}

#[test]
fn error_event_marks_the_response_as_failed() {
    let message = r#"{"message":"Model is overloaded"}"#;
    for (stream, failed) in [
        (format!("event: error\ndata: {message}\n\n"), Some("error")),
        (format!("event:error\ndata:{message}\n\n"), Some("error")),
        (format!("data: {message}\nevent: error\n\n"), Some("error")),
        (
            format!("event: x\nevent: error\ndata: {message}\n\n"),
            Some("error"),
        ),
        (format!("event: error\ndata: {message}"), Some("error")),
        ("event: error\ndata: overloaded\n\n".into(), Some("error")),
        (
            "event: error\ndata: {\"message\":\"x\",\"type\":\"overloaded\"}\n\n".into(),
            Some("overloaded"),
        ),
        (
            "event: error\ndata: {\"message\":\"x\",\"code\":\"rate_limit\"}\n\n".into(),
            Some("rate_limit"),
        ),
        (format!("event: error\nevent\ndata: {message}\n\n"), None),
        (format!("event: error\nevent: x\ndata: {message}\n\n"), None),
        (format!("event: error\n\ndata: {message}\n\n"), None),
        (format!("event: errors\ndata: {message}\n\n"), None),
        (format!("event:  error\ndata: {message}\n\n"), None),
        (format!("events: error\ndata: {message}\n\n"), None),
        (format!("data: {message}\n\n"), None),
        ("event: error\n\n".into(), None),
    ] {
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        for pieces in [&[stream.as_bytes()][..], &bytes] {
            let usage = read(SSE, pieces, true);
            assert_eq!(usage.failed.as_deref(), failed, "{stream:?}");
        }
    }
}

#[test]
fn model_is_from_the_last_usage_report_or_else_from_the_first_event_that_names_one() {
    let delta = |model: &str| json!({"model": model, "choices": []});
    let report = |model: &str| json!({"model": model, "usage": {"prompt_tokens": 1}});
    for (stream, expected) in [
        (vec![delta("a"), delta("b")], "a"),
        (vec![delta("a"), report("b"), delta("c")], "b"),
        (vec![report("a"), report("b")], "b"),
        (
            vec![delta("a"), json!({"usage": {"prompt_tokens": 1}})],
            "a",
        ),
        (vec![json!({"error": "x"}), delta("a")], "a"),
    ] {
        let usage = read(SSE, &[events(&stream).as_bytes()], true);
        assert_eq!(usage.model.as_deref(), Some(expected), "{stream:?}");
    }
}

#[test]
fn counts_before_an_error_event_are_kept() {
    let stream = "data: {\"usage\":{\"prompt_tokens\":1.0,\"completion_tokens\":2}}\n\n\
                  event: error\ndata: {\"message\":\"x\"}\n\n";
    let expected = Usage {
        failed: Some("error".into()),
        ..counts(1, 2)
    };
    assert_eq!(read(SSE, &[stream.as_bytes()], true), expected);
}

#[test]
fn stream_lines_with_any_line_end_are_read() {
    for (headers, body, expected) in corpus().into_iter().filter(|case| case.0 == SSE) {
        for end in ["\r\n", "\r"] {
            let body = body.replace('\n', end);
            let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            assert_eq!(
                read(headers, &[body.as_bytes()], true),
                expected,
                "{body:?}"
            );
            assert_eq!(read(headers, &bytes, true), expected, "{body:?}");
        }
    }
}

#[test]
fn truncated_stream_does_not_report_partial_counts_as_final() {
    for (headers, body, _) in corpus() {
        let usage = read(headers, &[body.as_bytes()], false);
        // An invalid document stays invalid.
        if usage.unknown != Some(Unknown::NotJson) {
            assert_eq!(usage.unknown, Some(Unknown::CutShort), "{body}");
        }
    }
    let first = corpus()
        .into_iter()
        .find(|case| case.1.contains("message_start"))
        .unwrap();
    let cut = first.1.split("event: ping").next().unwrap();
    let usage = read(SSE, &[cut.as_bytes()], false);
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens),
        (Some(12), None)
    );
}

#[test]
fn unreadable_usage_has_a_reason() {
    let body: &[u8] = br#"{"usage":{"prompt_tokens":1}}"#;
    for (fields, expected) in [
        (
            &[
                ("content-type", "application/json"),
                ("content-encoding", "gzip"),
            ][..],
            Unknown::Compressed,
        ),
        (&[("content-type", "audio/wav")], Unknown::NotJson),
        (&[], Unknown::NotJson),
    ] {
        assert_eq!(read(fields, &[body], true), unknown(expected));
    }
    let mut headers = Headers::from_iter(JSON.iter().copied());
    headers.is_all = true;
    assert_eq!(Meter::new(&headers).finish(), unknown(Unknown::NotReported));
    let mut meter = Meter::new(&Headers::from_iter(JSON.iter().copied()));
    meter.feed(None, false);
    assert!(!meter.is_reading());
    assert_eq!(meter.finish(), unknown(Unknown::Withheld));
    // Headers report the usage for any body.
    let usage = read(
        &[
            ("content-encoding", "gzip"),
            ("x-prompt-tokens", "1"),
            ("x-generated-tokens", "2"),
        ],
        &[body],
        true,
    );
    assert_eq!(usage, counts(1, 2));
}

#[test]
fn hostile_bodies_are_bounded() {
    let long = "x".repeat(1_000_000);
    for body in [
        format!(
            r#"{{"{long}":1,"model":"{long}","usage":{{"prompt_tokens":{}}}}}"#,
            "1".repeat(100_000)
        ),
        "[".repeat(1_000_000),
        format!("{{\"a\":{}", "{\"a\":".repeat(1_000_000)),
    ] {
        let usage = read(JSON, &[body.as_bytes()], true);
        assert_eq!(usage.prompt_tokens, None);
        assert_eq!(usage.model, None);
    }
    let model = format!(r#"{{"model":"{}"}}"#, "é".repeat(200));
    let model = read(JSON, &[model.as_bytes()], true).model.unwrap();
    assert!(model.len() <= 256 && model.chars().all(|c| c == 'é'));
    let lines = format!(
        "{}: 1\n{}\n\ndata: {{\"usage\":{{\"prompt_tokens\":1}}}}\n\n",
        long, long
    );
    assert_eq!(read(SSE, &[lines.as_bytes()], true).prompt_tokens, Some(1));
}
