//! Responses of each API with their usage.

use super::*;

/// Headers, body, and the reported usage.
pub type Case = (&'static [(&'static str, &'static str)], String, Usage);

/// Responses of each API with their usage.
pub fn corpus() -> Vec<Case> {
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
