//! Every token of every answer is counted, and nothing else is.

use super::super::gateway::wait_until;
use super::{Fleet, TOKENS, concurrently, identity, limits, oid, patient};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testbed::hf::{MODELS, Mode};
use testbed::persona::Persona;

const CALLERS: usize = 10;
/// The tokens charged for an answer that reports no usage: `usage.unknown_tokens` in the shipped configuration.
const UNKNOWN: u64 = 500;

/// A question of this many words.
fn words(count: usize) -> String {
    "word ".repeat(count)
}

fn messages(count: usize, more: &Value) -> Value {
    let mut body = json!({"model": MODELS[0], "max_tokens": 16, "messages": [{"role": "user", "content": words(count)}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

/// Requests whose answers report their usage.
fn reporting(number: usize) -> (&'static str, Value) {
    let count = 300 + number;
    match number % 5 {
        0 => ("/v1/chat/completions", messages(count, &json!({}))),
        1 => (
            "/v1/chat/completions",
            messages(
                count,
                &json!({"stream": true, "stream_options": {"include_usage": true}}),
            ),
        ),
        2 => ("/v1/messages", messages(count, &json!({"stream": true}))),
        3 => (
            "/v1/responses",
            json!({"model": MODELS[0], "stream": true, "input": words(count)}),
        ),
        _ => (
            "/v1/embeddings",
            json!({"model": MODELS[0], "input": words(count)}),
        ),
    }
}

fn billed(fleet: &Fleet) -> u64 {
    let bills = fleet.hf.bills();
    let tokens: usize = bills
        .iter()
        .map(|bill| bill.prompt_tokens + bill.completion_tokens)
        .sum();
    tokens.try_into().unwrap()
}

/// The tokens that Redis has counted for all callers.
async fn counted(fleet: &Fleet) -> u64 {
    fleet.becomes_idle().await;
    (0..CALLERS)
        .map(|caller| fleet.used(TOKENS, &[&oid(caller)]))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn hundred_thousand_tokens_are_counted_exactly() {
    let fleet = Fleet::start(&limits(&[]), 2, patient).await;

    // Whole answers.
    let shared = Arc::clone(&fleet);
    let ask = move |number: usize| {
        let fleet = Arc::clone(&shared);
        async move {
            let (path, body) = reporting(number);
            let response = fleet
                .post(number / CALLERS, number % CALLERS, path, &body)
                .await;
            assert_eq!(response.status(), 200, "{path}");
            response.bytes().await.unwrap();
        }
    };
    concurrently(250, 8, ask).await;
    let mut expected = billed(&fleet);
    assert!(expected > 100_000, "{expected}");
    assert_eq!(counted(&fleet).await, expected);

    // Streams without usage, and streams that break.
    let streamed = messages(3, &json!({"stream": true}));
    for (mode, body) in [
        (Mode::Normal, &streamed),
        (Mode::ResetMidBody, &streamed),
        (Mode::StreamError, &streamed),
    ] {
        fleet.hf.set_mode(mode);
        for caller in 0..CALLERS {
            let response = fleet
                .post(caller, caller, "/v1/chat/completions", body)
                .await;
            assert_eq!(response.status(), 200);
            let _ = response.bytes().await;
            expected += UNKNOWN;
        }
    }
    assert_eq!(counted(&fleet).await, expected);

    // Streams that the caller leaves after their first event, which reports the input tokens.
    fleet.hf.set_mode(Mode::Paced(Duration::from_millis(500)));
    for caller in 0..CALLERS {
        let body = messages(40, &json!({"stream": true}));
        let mut response = fleet.post(caller, caller, "/v1/messages", &body).await;
        let first = response.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"event: message_start"));
        drop(response);
        expected += 40;
    }
    assert_eq!(counted(&fleet).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_an_answer_of_the_model_cost_no_tokens() {
    let fleet = Fleet::start(&limits(&[]), 1, patient).await;
    let base = fleet.gateways[0].url();
    let nora = fleet.entra.token(Persona::Nora);
    let denied = fleet
        .client
        .post(format!("{base}/v1/chat/completions"))
        .bearer_auth(&nora);
    let denied = denied.json(&messages(3, &json!({}))).send().await.unwrap();
    assert_eq!(denied.status(), 403);
    let anonymous = fleet
        .client
        .get(format!("{base}/health"))
        .send()
        .await
        .unwrap();
    assert_eq!(anonymous.status(), 200);
    fleet
        .hf
        .set_mode(Mode::json(422, &json!({"error": "bad input"})));
    let failed = fleet
        .post(0, 0, "/v1/chat/completions", &messages(3, &json!({})))
        .await;
    assert_eq!(failed.status(), 422);
    fleet.becomes_idle().await;
    let claims = testbed::mint::Token::of(Persona::Nora).claims_value();
    assert_eq!(fleet.used(TOKENS, &[claims["oid"].as_str().unwrap()]), 0);
    assert_eq!(fleet.used(TOKENS, &[&oid(0)]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_stream_is_not_interrupted_when_its_budget_is_used_up() {
    let fleet = Fleet::start(&limits(&[("tokens-by-oid", 10)]), 1, patient).await;
    fleet.hf.set_mode(Mode::Paced(Duration::from_millis(100)));
    let body = messages(
        20,
        &json!({"stream": true, "stream_options": {"include_usage": true}}),
    );
    let mut slow = fleet.post(0, 0, "/v1/chat/completions", &body).await;
    assert_eq!(slow.status(), 200);
    let mut text = slow.chunk().await.unwrap().unwrap().to_vec();
    fleet.hf.set_mode(Mode::Normal);
    let other = fleet
        .post(0, 0, "/v1/chat/completions", &messages(20, &json!({})))
        .await;
    assert_eq!(other.status(), 200);
    other.bytes().await.unwrap();
    wait_until("the budget is used up", async || {
        fleet.used(TOKENS, &[&oid(0)]) > 10
    })
    .await;
    let refused = fleet
        .post(0, 0, "/v1/chat/completions", &messages(3, &json!({})))
        .await;
    assert_eq!(refused.status(), 429);
    while let Some(chunk) = slow.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    assert!(text.ends_with(b"data: [DONE]\n\n"));
    fleet.becomes_idle().await;
    assert_eq!(fleet.used(TOKENS, &[&oid(0)]), billed(&fleet));
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_cannot_ask_for_a_response_whose_tokens_are_unreadable() {
    let fleet = Fleet::start(&limits(&[]), 1, patient).await;
    let request = fleet
        .client
        .post(format!("{}/v1/chat/completions", fleet.gateways[0].url()))
        .header("accept-encoding", "gzip, br")
        .bearer_auth(fleet.entra.sign(identity(0)));
    let response = request.json(&messages(3, &json!({}))).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
    let requests = fleet.hf.take_requests();
    assert_eq!(requests[0].headers_named("accept-encoding"), ["identity"]);
    fleet.becomes_idle().await;
    assert_eq!(fleet.used(TOKENS, &[&oid(0)]), billed(&fleet));
}
