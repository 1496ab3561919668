//! An endpoint that closes the connection before its response, in the middle of it, or in a stream.

use super::gateway::{Gateway, chat};
use super::{assert_sound, rounds};
use serde_json::json;
use std::time::Duration;
use testbed::hf::Mode;
use testbed::persona::Persona;

#[tokio::test(flavor = "multi_thread")]
async fn broken_responses_are_passed_on_and_leave_no_state() {
    let gateway = Gateway::start().await;
    let token = gateway.token(Persona::Ada);
    let mut streamed = chat();
    streamed["stream"] = json!(true);
    for _ in 0..rounds(3) {
        for mode in [
            Mode::Reset,
            Mode::ResetMidBody,
            Mode::StreamError,
            Mode::Delay(Duration::from_millis(200)),
            Mode::Paced(Duration::from_millis(20)),
        ] {
            gateway.hf.set_mode(mode.clone());
            for body in [chat(), streamed.clone()] {
                let request = gateway.chat_builder(&token).json(&body);
                let outcome = match request.send().await {
                    Ok(response) => {
                        let status = response.status();
                        response.text().await.map(|text| (status, text)).ok()
                    }
                    Err(_) => None,
                };
                match (&mode, outcome) {
                    (Mode::Reset, Some((status, _))) => {
                        assert!(status.is_server_error(), "{status}")
                    }
                    (Mode::ResetMidBody, outcome) => {
                        let is_complete = outcome.is_some_and(|(_, text)| text.contains("[DONE]"));
                        assert!(!is_complete, "a broken stream looks complete");
                    }
                    (Mode::Delay(_) | Mode::Paced(_), Some((status, text))) => {
                        assert_eq!(status, 200);
                        assert!(
                            text.contains("[DONE]") || text.contains("\"choices\""),
                            "{text}"
                        );
                    }
                    (Mode::Delay(_) | Mode::Paced(_), None) => panic!("{mode:?} broke"),
                    _ => {}
                }
            }
        }
        gateway.hf.set_mode(Mode::Normal);
    }
    assert_sound(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_no_rule_needs_is_not_held_in_memory() {
    let gateway = Gateway::start().await;
    let token = gateway.token(Persona::Ada);
    let mut body = chat();
    body["messages"][0]["content"] = "x".repeat(10_000_000).into();
    let body = body.to_string();
    let send = async || {
        let request = gateway
            .chat_builder(&token)
            .header("content-type", "application/json")
            .body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), 200);
        gateway.hf.take_requests();
    };
    send().await; // The allocator keeps the memory of the first request.
    let before = super::resident(&gateway);
    for _ in 0..rounds(10) {
        send().await;
    }
    let after = super::resident(&gateway);
    println!(
        "chaos: bodies of 10 MB: resident {before} KiB before, {after} KiB after {}",
        rounds(10)
    );
    assert!(after < before + 10_000, "{before} KiB, then {after} KiB");
    assert_sound(&gateway).await;
}
