//! Answers of Hugging Face's own APIs (TGI, TEI), its error bodies, and the words of all answers.
//!
//! A "token" here is a word: usage numbers can be checked by counting.

use serde_json::{Value, json};

use super::{Bill, MODELS};

pub(super) fn error(text: &str) -> Value {
    json!({"error": text})
}

pub(super) fn unauthorized() -> Value {
    error("Invalid username or password.")
}

pub(super) fn forbidden() -> Value {
    error(
        "This authentication method does not have sufficient permissions to call Inference Providers on behalf of user contoso-gateway",
    )
}

/// The words of the answer: always an echo, so a test recognizes the response to its own request.
pub(super) fn reply_to(asked: &Value) -> String {
    format!("You said: {}", last_words(asked))
}

/// The words of the whole input.
pub(super) fn prompt_tokens(asked: &Value) -> usize {
    let messages = asked["messages"].as_array().map(|messages| {
        messages
            .iter()
            .map(|message| words(&message["content"]))
            .sum()
    });
    messages.unwrap_or_else(|| words(input(asked)))
}

/// Words of the answer.
pub(super) fn generated_tokens(asked: &Value) -> usize {
    reply_to(asked).split_whitespace().count()
}

/// The usage of a response on this path.
pub(super) fn bill(path: &str, asked: &Value) -> Bill {
    let generates = !matches!(
        path,
        "/embed" | "/v1/embeddings" | "/v1/messages/count_tokens"
    );
    Bill {
        prompt_tokens: prompt_tokens(asked),
        completion_tokens: match generates {
            true => generated_tokens(asked),
            false => 0,
        },
    }
}

/// TGI's `/generate`.
pub(super) fn generate(asked: &Value) -> Value {
    let mut answer = json!({"generated_text": reply_to(asked)});
    if asked["parameters"]["details"].as_bool().unwrap_or(false) {
        answer["details"] = json!({
            "finish_reason": "stop", "generated_tokens": generated_tokens(asked), "seed": null,
            "prefill": [], "tokens": [], "best_of_sequences": null, "top_tokens": [],
        });
    }
    answer
}

/// TGI's `/info`.
pub(super) fn info() -> Value {
    json!({
        "model_id": MODELS[0], "model_sha": "0e9e39f249a16976918f6564b8830bc894c89659",
        "model_pipeline_tag": "text-generation", "max_concurrent_requests": 128, "max_best_of": 2,
        "max_stop_sequences": 4, "max_input_tokens": 4095, "max_total_tokens": 4096,
        "validation_workers": 2, "max_client_batch_size": 4, "router": "text-generation-router",
        "version": "3.3.6", "sha": null, "docker_label": null,
    })
}

/// TEI's `/embed`: one vector for each input.
pub(super) fn embed(asked: &Value) -> Value {
    let vectors = match &asked["inputs"] {
        Value::Array(inputs) => inputs.iter().map(|text| json!(vector(text))).collect(),
        text => vec![json!(vector(text))],
    };
    Value::Array(vectors)
}

/// Four numbers that depend on the text and on nothing else; exact in f32.
pub(super) fn vector(text: &Value) -> [f32; 4] {
    let text = text.as_str().unwrap_or_default();
    let sum = text.bytes().fold(0_u8, u8::wrapping_add);
    let small = |n: usize| (n % 256) as f32 / 256.0;
    [small(text.len()), small(sum.into()), 0.5, -0.25]
}

pub(super) fn words(value: &Value) -> usize {
    match value {
        Value::String(text) => text.split_whitespace().count(),
        Value::Array(parts) => parts.iter().map(words).sum(),
        // A part of a multimodal message, or an input item.
        Value::Object(part) => part.get("text").or(part.get("content")).map_or(0, words),
        _ => 0,
    }
}

fn last_words(asked: &Value) -> String {
    let last = asked["messages"]
        .as_array()
        .and_then(|messages| messages.last());
    text_of(last.map_or(input(asked), |message| &message["content"]))
}

/// Where an API other than chat keeps its input.
fn input(asked: &Value) -> &Value {
    ["inputs", "prompt", "input"]
        .into_iter()
        .map(|name| &asked[name])
        .find(|value| !value.is_null())
        .unwrap_or(&Value::Null)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join(" "),
        Value::Object(part) => part
            .get("text")
            .or(part.get("content"))
            .map_or_else(String::new, text_of),
        _ => String::new(),
    }
}
