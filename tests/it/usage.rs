//! Token usage is read from all forms of responses, however they are split.

use entragate::http::headers::Headers;
use entragate::usage::{Meter, Unknown, Usage};
use proptest::prelude::*;
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

/// Headers, body, and the reported usage.
type Case = (&'static [(&'static str, &'static str)], String, Usage);

/// Responses of each API with their usage.
fn corpus() -> Vec<Case> {
    let reported = json!({"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46,
        "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 6, "accepted_prediction_tokens": 1}});
    let detailed = Usage {
        cached_tokens: Some(5),
        reasoning_tokens: Some(6),
        ..named(counts(12, 34))
    };
    let response = |status: &str, usage: Value| {
        json!({"object": "response", "status": status, "model": "org/m",
        "error": null, "output": [{"type": "message", "status": "completed", "content": []}], "usage": usage})
    };
    let response_usage = json!({"input_tokens": 12, "input_tokens_details": {"cached_tokens": 5},
        "output_tokens": 34, "output_tokens_details": {"reasoning_tokens": 6}, "total_tokens": 46});
    let message = |usage: Value| {
        json!({"type": "message", "role": "assistant", "model": "org/m",
        "content": [{"type": "text", "text": "usage"}], "usage": usage})
    };
    let embeddings = json!({"object": "list", "model": "org/m", "usage": {"prompt_tokens": 8, "total_tokens": 8},
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1.5e-3, 0, 1E5]}]});
    let embedded = Usage {
        prompt_tokens: Some(8),
        total_tokens: Some(8),
        ..named(Usage::default())
    };
    let chat = json!({"model": "org/m", "usage": reported, "choices": [{"message": {"role": "assistant",
        "content": "\"usage\":{\"prompt_tokens\":99}", "model": "not/it", "usage": {"prompt_tokens": 99}}}]});
    let stream = format!(
        "\u{feff}: keep-alive\n\n{}:\nevent: x\nid: 1\nretry: 5\nfoo\n{}data: [DONE]\n\n",
        events(&[
            chunk(Value::Null),
            chunk(json!({"prompt_tokens": 12, "completion_tokens": 1}))
        ]),
        events(&[json!({"model": "org/m", "choices": [], "usage": reported})])
    );
    let spread = "data: {\"model\":\"org/m\",\ndata:\"usage\":\ndata: {\"prompt_tokens\":1,\ndata\ndata: \"completion_tokens\":2}}\n\n";
    let responses = events(&[
        json!({"type": "response.created", "response": response("in_progress", Value::Null)}),
        json!({"type": "response.output_text.delta", "delta": "usage"}),
        json!({"type": "response.completed", "response": response("completed", response_usage.clone())}),
    ]);
    let failing = events(&[
        json!({"type": "response.failed", "response": {"status": "failed", "model": "org/m",
        "error": {"code": "server_error", "message": "x"}, "usage": null}}),
    ]);
    let messages = format!(
        "event: message_start\n{}event: ping\n{}{}event: message_stop\n{}",
        events(&[
            json!({"type": "message_start", "message": message(json!({"input_tokens": 7, "output_tokens": 1,
            "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3}))})
        ]),
        events(&[json!({"type": "ping"})]),
        events(&[
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 34}})
        ]),
        events(&[json!({"type": "message_stop"})]),
    );
    let cached = |usage: Usage| Usage {
        cached_tokens: Some(3),
        ..usage
    };
    // Later versions of the messages API repeat the input in the last event, with or without its cached part.
    let repeated = |usage: Value| {
        let begun = message(
            json!({"input_tokens": 7, "output_tokens": 1, "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 3}),
        );
        events(&[
            json!({"type": "message_start", "message": begun}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
            json!({"type": "message_stop"}),
        ])
    };
    let incomplete = events(&[
        json!({"type": "response.incomplete", "response": response("incomplete", response_usage.clone())}),
    ]);
    let tgi = events(&[
        json!({"index": 1, "token": {"id": 1, "text": "a"}, "generated_text": null, "details": null}),
        json!({"index": 2, "token": {"id": 2, "text": "b"}, "generated_text": "ab",
            "details": {"finish_reason": "stop", "generated_tokens": 34, "seed": 9, "input_length": 12}}),
    ]);
    let details = json!({"generated_text": "x", "details": {"finish_reason": "stop", "generated_tokens": 34, "prefill": [], "tokens": [{"id": 1}]}});
    let only = |completion| Usage {
        completion_tokens: Some(completion),
        ..Usage::default()
    };
    let failed = |kind: &str, usage: Usage| Usage {
        failed: Some(kind.into()),
        ..usage
    };
    let in_band = events(&[
        chunk(Value::Null),
        json!({"error": {"message": "Model is overloaded", "type": "overloaded", "code": null}}),
    ]);
    let in_band_tgi =
        events(&[json!({"error": "Model is overloaded", "error_type": "overloaded"})]);
    let in_band_messages =
        events(&[json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}})]);
    let not_reported = unknown(Unknown::NotReported);
    let tgi_headers: &[(&str, &str)] = &[
        ("content-type", "application/json"),
        ("x-prompt-tokens", "12"),
        ("x-generated-tokens", "34"),
        ("x-inference-provider", "hf"),
    ];
    let tei_headers: &[(&str, &str)] = &[
        ("content-type", "application/json"),
        ("x-compute-tokens", "8"),
    ];
    vec![
        (JSON, chat.to_string(), detailed.clone()),
        (JSON, serde_json::to_string_pretty(&chat).unwrap(), detailed.clone()),
        (JSON, chat.to_string().replace("org/m", "org\\/\\u006d"), detailed.clone()),
        (JSON, embeddings.to_string(), embedded),
        (JSON, response("completed", response_usage).to_string(), detailed.clone()),
        (JSON, response("failed", Value::Null).to_string(), failed("error", named(not_reported.clone()))),
        (JSON, message(json!({"input_tokens": 12, "output_tokens": 34})).to_string(), named(counts(12, 34))),
        (JSON, message(json!({"input_tokens": 7, "output_tokens": 34, "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 3})).to_string(), cached(named(counts(12, 34)))),
        (JSON, json!([details]).to_string(), only(34)),
        (JSON, json!([details, details]).to_string(), not_reported.clone()),
        (JSON, details.to_string(), only(34)),
        (tgi_headers, json!([{"generated_text": "x"}]).to_string(), Usage { provider: Some("hf".into()), ..counts(12, 34) }),
        (tei_headers, "[[0.25,-1.5e-3]]".into(), Usage { prompt_tokens: Some(8), total_tokens: Some(8), ..Usage::default() }),
        (JSON, r#"{"model":"org/m","usage":{"prompt_tokens":-1,"completion_tokens":1.5,"total_tokens":"7"}}"#.into(), named(not_reported.clone())),
        (JSON, r#"{"model":"org/m","usage":null}"#.into(), named(not_reported.clone())),
        (JSON, "5".into(), unknown(Unknown::NotJson)),
        (JSON, String::new(), unknown(Unknown::NotJson)),
        (JSON, "{} {}".into(), unknown(Unknown::NotJson)),
        (JSON, r#"{"usage":{"prompt_tokens":1}"#.into(), unknown(Unknown::NotJson)),
        (SSE, stream, detailed),
        (SSE, spread.into(), named(counts(1, 2))),
        (SSE, events(&[chunk(Value::Null)]), named(not_reported.clone())),
        (SSE, responses, Usage { cached_tokens: Some(5), reasoning_tokens: Some(6), ..named(counts(12, 34)) }),
        (SSE, failing, failed("server_error", named(not_reported.clone()))),
        (SSE, messages, cached(named(counts(12, 34)))),
        (SSE, repeated(json!({"input_tokens": 7, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3,
            "output_tokens": 34})), cached(named(counts(12, 34)))),
        (SSE, repeated(json!({"input_tokens": 7, "output_tokens": 34})), cached(named(counts(12, 34)))),
        (SSE, incomplete, Usage { cached_tokens: Some(5), reasoning_tokens: Some(6), ..named(counts(12, 34)) }),
        (SSE, tgi, counts(12, 34)),
        (SSE, in_band, failed("overloaded", named(not_reported.clone()))),
        (SSE, in_band_tgi, failed("overloaded", not_reported.clone())),
        (SSE, "event: error\ndata: {\"message\":\"x\"}\n\n".into(), failed("error", not_reported.clone())),
        (JSON, r#"{"model":"org/m","usage":{"prompt_tokens":1.0,"completion_tokens":2e0}}"#.into(), named(counts(1, 2))),
        (SSE, in_band_messages, failed("overloaded_error", not_reported.clone())),
        (SSE, "data: {\"usage\":{\"prompt_tokens\":1}\n\ndata: [DONE]\n\n".into(), not_reported.clone()),
        (SSE, "database: {\"usage\":{\"prompt_tokens\":1}}\n\n".into(), not_reported.clone()),
        (SSE, "data : {\"usage\":{\"prompt_tokens\":1}}\n\n".into(), not_reported),
        (SSE, "data: {\"usage\":{\"prompt_tokens\":1}}".into(), Usage { prompt_tokens: Some(1), ..Usage::default() }),
    ]
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
fn model_is_that_of_the_last_report_or_else_the_first_one() {
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

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let key = prop_oneof!["usage|model|error|details|prompt_tokens|.{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

/// Lines of a stream, of which some report something and most do not. Events that report nothing are skipped if they arrive whole.
fn any_line() -> impl Strategy<Value = String> {
    let data = prop::sample::select(vec![
        r#"{"model":"org/a","choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"model":"org/b","choices":[{"delta":{"content":"\"usage\" \\ \n"}}]}"#,
        r#"{"choices":[{"delta":{"content":"\u00e9"}}],"model":"org/c"}"#,
        r#"{"model":"org/d","usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        r#"{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
        r#"{"usage":null,"model":"org/e"}"#,
        r#"{"type":"\u0065rror"}"#,
        r#"{"type":"error"}"#,
        r#"{"response":{"status":"failed","model":"org/f"}}"#,
        r#"{"error":{"type":"overloaded","message":"model"}}"#,
        r#"{"details":{"generated_tokens":5,"input_length":6}}"#,
        r#"{"t":"a"}"#,
        r#""usage":{"prompt_tokens":8}}"#,
        r#"{"a":"#,
        "[DONE]",
        "",
    ]);
    let field = prop::sample::select(vec!["data: ", "data:", "data", ": ", "\u{feff}data: "]);
    let line = prop_oneof![
        8 => (field, data).prop_map(|(field, data)| format!("{field}{data}")),
        1 => prop::sample::select(vec!["event: error", "event: delta", "event", "id: 1"])
            .prop_map(str::to_owned),
    ];
    let end = prop::sample::select(vec![
        "\n\n", "\n\n", "\n\n", "\r\n\r\n", "\r\r", "\n", "\r\n", "\n\n\n",
    ]);
    (line, end).prop_map(|(line, end)| format!("{line}{end}"))
}

fn pieces<'b>(body: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    at.extend([0, body.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn usage_is_the_same_for_any_chunking(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24)) {
        for (headers, body, expected) in corpus() {
            prop_assert_eq!(read(headers, &pieces(body.as_bytes(), &cuts), true), expected);
        }
    }

    #[test]
    fn stream_in_any_pieces_reports_what_it_reports_byte_by_byte(
        lines in prop::collection::vec(any_line(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let body = lines.concat();
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        let expected = read(SSE, &bytes, true);
        prop_assert_eq!(read(SSE, &[body.as_bytes()], true), expected.clone());
        prop_assert_eq!(read(SSE, &pieces(body.as_bytes(), &cuts), true), expected);
    }

    /// The reader finds the same counts as serde_json in any document.
    #[test]
    fn any_document_has_the_same_counts_as_in_serde_json(
        rest in any_json(), usage in any_json(), pretty in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let document = json!({"a": rest, "model": rest, "usage": usage, "z": [rest, usage]});
        let body = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        let read = read(JSON, &pieces(body.as_bytes(), &cuts), true);
        let count = &usage["prompt_tokens"];
        let is_count = |float: &f64| float.is_sign_positive() && float.fract() == 0.0 && *float < 2_f64.powi(53);
        let float = || count.as_f64().filter(is_count).map(|float| float as u64);
        prop_assert_eq!(read.prompt_tokens, count.as_u64().or_else(float));
        let model = rest.as_str().map(str::to_owned);
        prop_assert_eq!(read.model, model);
        prop_assert_ne!(read.unknown, Some(Unknown::NotJson));
    }

    #[test]
    fn arbitrary_bytes_cause_no_panic(body in prop::collection::vec(any::<u8>(), 0..200), sse in any::<bool>()) {
        let headers = if sse { SSE } else { JSON };
        read(headers, &[&body], true);
        read(headers, &[&body], false);
    }
}
