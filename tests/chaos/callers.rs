//! Callers that hang up after each byte of a request's headers and body, and during the response.

use super::gateway::{Gateway, chat};
use super::{assert_sound, rounds};
use serde_json::json;
use std::time::Duration;
use testbed::envoy::EnvoyConfig;
use testbed::hf::Mode;
use testbed::persona::Persona;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A policy with a rule that needs the model, so that the body is held until it has arrived.
fn by_model(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| {
        policy["rules"][2]["match"]["models"] = json!(["org/*"]);
    })
}

/// Sends a part of a request, reads up to `read` bytes of the answer, and closes the connection.
async fn hang_up(gateway: &Gateway, request: &[u8], read: usize) {
    let mut stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = vec![0; read.max(1)];
    if read > 0 {
        // The result is ignored: Envoy may have closed the connection first.
        let _ = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut answer)).await;
    }
}

fn request(token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_hang_up_at_any_stage_of_a_request_leave_no_state() {
    let gateway = Gateway::with(by_model).await;
    let mut streamed = chat();
    streamed["stream"] = json!(true);
    let (good, bad) = (gateway.token(Persona::Ada), gateway.token(Persona::Nora));
    for round in 0..rounds(2) {
        for token in [&good, &bad] {
            let whole = request(token, &streamed.to_string());
            // The positions differ in each round.
            for end in (round..whole.len()).step_by(37).chain([whole.len() - 1]) {
                hang_up(&gateway, &whole[..end], 0).await;
            }
        }
    }
    assert_eq!(
        gateway.hf.take_requests().len(),
        0,
        "an incomplete request is never forwarded"
    );
    assert_sound(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_hang_up_during_the_response_leave_no_state() {
    let gateway = Gateway::start().await;
    gateway.hf.set_mode(Mode::Paced(Duration::from_millis(30)));
    let mut streamed = chat();
    streamed["stream"] = json!(true);
    let whole = request(&gateway.token(Persona::Ada), &streamed.to_string());
    for _ in 0..rounds(10) {
        for read in [0, 1, 100, 1000, 4000] {
            hang_up(&gateway, &whole, read).await;
        }
    }
    gateway.hf.set_mode(Mode::Hang);
    for _ in 0..rounds(5) {
        hang_up(&gateway, &whole, 0).await;
    }
    gateway.hf.set_mode(Mode::Normal);
    assert_sound(&gateway).await;
}
