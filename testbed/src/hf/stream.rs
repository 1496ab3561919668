//! Server-sent events: one word of the response per piece of the body.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{
    MODELS,
    answers::{generated_tokens, prompt_tokens, reply_to},
    openai::{self, CREATED, asked_model, usage},
};

/// How a stream fails after its first event.
pub(super) enum Break {
    Reset,
    ErrorEvent,
}

/// Chat completion chunks; usage in a last chunk without choices, if requested.
pub(super) fn chat(asked: &Value) -> Vec<Bytes> {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "object": "chat.completion.chunk", "id": "chatcmpl-testbed", "created": CREATED,
            "model": asked_model(asked), "system_fingerprint": "testbed",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": null}],
            "usage": null,
        })
    };
    let mut chunks: Vec<Value> = pieces(asked)
        .map(|word| chunk(json!({"role": "assistant", "content": word}), Value::Null))
        .collect();
    chunks.push(chunk(
        json!({"role": "assistant", "content": ""}),
        json!("stop"),
    ));
    openai_events(asked, chunks)
}

/// Text completion chunks.
pub(super) fn completion(asked: &Value) -> Vec<Bytes> {
    let chunk = |text: &str, finish: Value| {
        json!({
            "object": "text_completion", "id": "cmpl-testbed", "created": CREATED,
            "model": asked_model(asked), "usage": null,
            "choices": [{"index": 0, "text": text, "finish_reason": finish, "logprobs": null}],
        })
    };
    let mut chunks: Vec<Value> = pieces(asked)
        .map(|word| chunk(&word, Value::Null))
        .collect();
    chunks.push(chunk("", json!("stop")));
    openai_events(asked, chunks)
}

/// TGI's own events: the last token carries the whole text and the details.
pub(super) fn generate(asked: &Value) -> Vec<Bytes> {
    let count = generated_tokens(asked);
    pieces(asked)
        .enumerate()
        .map(|(index, word)| {
            let last = index + 1 == count;
            let (text, details) = if last {
                let details = json!({"finish_reason": "stop", "generated_tokens": count, "seed": null,
                    "input_length": prompt_tokens(asked)});
                (json!(reply_to(asked)), details)
            } else {
                (Value::Null, Value::Null)
            };
            let token = json!({"id": index, "text": word, "logprob": -0.5, "special": false});
            data(&json!({"index": index + 1, "token": token, "generated_text": text, "details": details}))
        })
        .collect()
}

/// Events of the responses API: the response begins, its item and its part are added, filled and closed, and the
/// last event has the whole response with its usage.
pub(super) fn response(asked: &Value) -> Vec<Bytes> {
    let whole = openai::response(asked);
    let mut begun = whole.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    let item = &whole["output"][0];
    let part = &item["content"][0];
    let (mut empty_item, mut empty_part) = (item.clone(), part.clone());
    empty_item["status"] = json!("in_progress");
    empty_item["content"] = json!([]);
    empty_part["text"] = json!("");
    let of_item = |kind: &str, item: &Value| json!({"type": kind, "output_index": 0, "item": item});
    let of_part = |kind: &str, name: &str, value: &Value| json!({"type": kind, "item_id": "msg_testbed", "output_index": 0, "content_index": 0, name: value});
    let mut events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
        of_item("response.output_item.added", &empty_item),
        of_part("response.content_part.added", "part", &empty_part),
    ];
    let delta = |word: String| of_part("response.output_text.delta", "delta", &json!(word));
    events.extend(pieces(asked).map(delta));
    events.extend([
        of_part("response.output_text.done", "text", &part["text"]),
        of_part("response.content_part.done", "part", part),
        of_item("response.output_item.done", item),
        json!({"type": "response.completed", "response": whole}),
    ]);
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    events.iter().map(named).collect()
}

/// Events of the messages API: input tokens are reported first, output tokens last.
pub(super) fn message(asked: &Value) -> Vec<Bytes> {
    let mut begun = openai::message(asked);
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    begun["usage"]["output_tokens"] = json!(1);
    let mut events = vec![
        json!({"type": "message_start", "message": begun}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    events.extend(pieces(asked).map(|word| {
        let delta = json!({"type": "text_delta", "text": word});
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": generated_tokens(asked)}}),
        json!({"type": "message_stop"}),
    ]);
    events.iter().map(named).collect()
}

/// A chat stream that fails after its first event.
pub(super) fn broken(how: Break) -> Response {
    let first = json!({"object": "chat.completion.chunk", "id": "chatcmpl-testbed", "created": CREATED,
        "model": MODELS[0], "usage": null,
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "You"}, "finish_reason": null}]});
    let second = match how {
        Break::Reset => Err(io::Error::other(
            "the testbed is configured to break this stream",
        )),
        Break::ErrorEvent => Ok(data(&json!({"error": {
            "message": "Model is overloaded", "type": "overloaded", "param": null, "code": null}}))),
    };
    sse(vec![Ok(data(&first)), second], Duration::ZERO)
}

/// A body that continues until the reader stops.
pub(super) fn endless() -> Body {
    let piece = Bytes::from_static(&[b'x'; 16 * 1024]);
    Body::from_stream(stream::repeat_with(move || {
        Ok::<_, io::Error>(piece.clone())
    }))
}

/// The beginning of a body that never ends.
pub(super) fn stalled(beginning: String) -> Body {
    let beginning = stream::once(async { Ok::<_, io::Error>(Bytes::from(beginning)) });
    Body::from_stream(beginning.chain(stream::pending()))
}

/// The events, `gap` apart.
pub(super) fn respond(events: Vec<Bytes>, gap: Duration) -> Response {
    sse(events.into_iter().map(Ok).collect(), gap)
}

fn openai_events(asked: &Value, chunks: Vec<Value>) -> Vec<Bytes> {
    // Servers send a comment first when the queue is long; clients must skip it.
    let mut events = vec![Bytes::from_static(b": keep-alive\n\n")];
    events.extend(chunks.iter().map(data));
    if asked["stream_options"]["include_usage"]
        .as_bool()
        .unwrap_or(false)
    {
        let object = chunks
            .first()
            .map_or(Value::Null, |chunk| chunk["object"].clone());
        events.push(data(
            &json!({"object": object, "id": "chatcmpl-testbed", "created": CREATED,
            "model": asked_model(asked), "choices": [], "usage": usage(asked)}),
        ));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn sse(events: Vec<io::Result<Bytes>>, gap: Duration) -> Response {
    let paced =
        stream::iter(events.into_iter().enumerate()).then(move |(index, event)| async move {
            if index > 0 {
                // Even without a gap, each event is written separately, also before an error.
                tokio::task::yield_now().await;
                tokio::time::sleep(gap).await;
            }
            event
        });
    (
        [(CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(paced),
    )
        .into_response()
}

/// An event that is named after its type.
fn named(value: &Value) -> Bytes {
    let name = value["type"].as_str().unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}

fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

/// The answer's words, each but the first with the space before it.
fn pieces(asked: &Value) -> impl Iterator<Item = String> + use<> {
    let words: Vec<String> = reply_to(asked)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    words
        .into_iter()
        .enumerate()
        .map(|(index, word)| if index == 0 { word } else { format!(" {word}") })
}
