//! Answers of the OpenAI-compatible routes, as vLLM and TGI give them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    MODELS,
    answers::{generated_tokens, prompt_tokens, reply_to, vector, words},
};

/// Fixed, so that answers are the same from run to run.
pub(super) const CREATED: u64 = 1_706_270_978;

pub(super) fn chat(asked: &Value, model: Option<&str>) -> Value {
    let model = model.map_or_else(|| asked_model(asked), |model| json!(model));
    json!({
        "id": "chatcmpl-testbed", "object": "chat.completion", "created": CREATED, "model": model,
        "system_fingerprint": "testbed",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": reply_to(asked)},
        }],
        "usage": usage(asked),
    })
}

pub(super) fn completion(asked: &Value) -> Value {
    json!({
        "id": "cmpl-testbed", "object": "text_completion", "created": CREATED, "model": asked_model(asked),
        "choices": [{"index": 0, "text": reply_to(asked), "finish_reason": "stop", "logprobs": null}],
        "usage": usage(asked),
    })
}

pub(super) fn response(asked: &Value) -> Value {
    let (input, output) = (prompt_tokens(asked), generated_tokens(asked));
    json!({
        "id": "resp_testbed", "object": "response", "created_at": CREATED, "status": "completed",
        "model": asked_model(asked), "error": null, "incomplete_details": null, "instructions": null,
        "max_output_tokens": null,
        "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0,
        "tool_choice": "auto", "tools": [],
        "output": [{
            "type": "message", "id": "msg_testbed", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": reply_to(asked), "annotations": []}],
        }],
        "usage": {
            "input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input + output,
        },
    })
}

/// Anthropic's format, which vLLM and the router use on `/v1/messages`.
pub(super) fn message(asked: &Value) -> Value {
    json!({
        "id": "msg_testbed", "type": "message", "role": "assistant", "model": asked_model(asked),
        "content": [{"type": "text", "text": reply_to(asked)}],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": prompt_tokens(asked), "output_tokens": generated_tokens(asked)},
    })
}

/// Anthropic's count of a prompt's tokens, without an answer.
pub(super) fn token_count(asked: &Value) -> Value {
    json!({"input_tokens": prompt_tokens(asked)})
}

pub(super) fn embeddings(asked: &Value) -> Value {
    let inputs = match &asked["input"] {
        Value::Array(inputs) => inputs.clone(),
        text => vec![text.clone()],
    };
    // openai-python requests base64 by default.
    let base64 = asked["encoding_format"] == "base64";
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let numbers = vector(text);
            let embedding = if base64 {
                json!(BASE64_STANDARD.encode(numbers.map(f32::to_le_bytes).concat()))
            } else {
                json!(numbers)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens = words(&asked["input"]);
    json!({
        "object": "list", "model": asked_model(asked), "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}

pub(super) fn models() -> Value {
    let data: Vec<Value> = MODELS.into_iter().filter_map(model).collect();
    json!({"object": "list", "data": data})
}

pub(super) fn model(id: &str) -> Option<Value> {
    MODELS.contains(&id).then(|| {
        let owner = id.split('/').next();
        json!({"id": id, "object": "model", "created": CREATED, "owned_by": owner,
            "providers": [{"provider": "hf-inference", "status": "live"}]})
    })
}

pub(super) fn usage(asked: &Value) -> Value {
    let (prompt, generated) = (prompt_tokens(asked), generated_tokens(asked));
    json!({"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated})
}

/// The name the client used, as servers echo it.
pub(super) fn asked_model(asked: &Value) -> Value {
    asked["model"]
        .as_str()
        .map_or(json!(MODELS[0]), |model| json!(model))
}
