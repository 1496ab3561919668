//! What Envoy's rate limits read from the filter, and how their refusals reach callers.

use super::gateway::{Gateway, SOON, header};
use serde_json::{Value, json};
use testbed::envoy::EnvoyConfig;
use testbed::hf::{MODELS, Mode};
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};

/// The filter state that rate limits read.
const STATE: [&str; 4] = [
    "model",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
];

/// Shows the filter state in the access log.
fn with_state(config: EnvoyConfig) -> EnvoyConfig {
    config.connection_manager(|manager| {
        let format = &mut manager["access_log"][0]["typed_config"]["log_format"]["json_format"];
        for name in STATE {
            format[name] = json!(format!("%FILTER_STATE(wasm.entragate.{name}:PLAIN)%"));
        }
    })
}

fn charging(config: EnvoyConfig) -> EnvoyConfig {
    with_state(config).change_policy(|policy| policy["usage"] = json!({"unknown_tokens": 500}))
}

/// Reads a response to its end, and returns the filter state of its request.
async fn state_of(gateway: &Gateway, response: Response) -> [Value; 4] {
    let id = header(&response, "x-request-id").to_owned();
    // The response may be interrupted.
    let _ = response.bytes().await;
    let entry = (gateway.envoy).wait_for_access(|entry| entry["request_id"] == id, SOON);
    let entry = entry.await.unwrap();
    STATE.map(|name| entry[name].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_reads_the_charge_of_every_permitted_request() {
    let gateway = Gateway::with(|config| {
        charging(config)
            .change_policy(|policy| policy["rules"][2]["match"]["models"] = json!(["**"]))
    });
    let gateway = gateway.await;
    let token = gateway.token(Persona::Ada);
    let ask = |stream: bool| {
        let messages = json!([{"role": "user", "content": "Say five words to me."}]);
        let body = json!({"model": MODELS[0], "stream": stream, "messages": messages});
        let request = gateway.request(Method::POST, "/v1/chat/completions");
        request.bearer_auth(&token).json(&body).send()
    };
    let charged = |tokens: [usize; 3]| {
        let [prompt, completion, total] = tokens.map(|count| json!(count.to_string()));
        [json!(MODELS[0]), prompt, completion, total]
    };
    let state = state_of(&gateway, ask(false).await.unwrap()).await;
    let bill = gateway.hf.bills()[0];
    let (prompt, completion) = (bill.prompt_tokens, bill.completion_tokens);
    assert_eq!(state, charged([prompt, completion, prompt + completion]));
    for (mode, stream, expected) in [
        (Mode::Normal, true, [0, 0, 500]),
        (Mode::ResetMidBody, true, [0, 0, 500]),
        (Mode::json(500, &json!({"error": "x"})), false, [0, 0, 0]),
        (Mode::json(429, &json!({"error": "x"})), false, [0, 0, 0]),
        (Mode::forbidden(), false, [0, 0, 0]),
    ] {
        gateway.hf.set_mode(mode.clone());
        let state = state_of(&gateway, ask(stream).await.unwrap()).await;
        assert_eq!(state, charged(expected), "{mode:?}");
    }
    gateway.hf.set_mode(Mode::Normal);
    let list = gateway.request(Method::GET, "/v1/models");
    let list = list.bearer_auth(&token).send().await.unwrap();
    let zero = json!("0");
    let expected = [json!("unknown"), zero.clone(), zero.clone(), zero];
    assert_eq!(state_of(&gateway, list).await, expected);
    let denied = gateway.chat(&gateway.token(Persona::Carl)).await;
    assert_eq!(denied.status(), 403);
    assert_eq!(state_of(&gateway, denied).await, [const { Value::Null }; 4]);
}
