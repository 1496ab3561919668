//! Held bodies and connections stay within their limits, whatever callers and upstreams do.

use super::gateway::{Gateway, SOON, chat, header, wait_until};
use super::metrics::value;
use serde_json::{Value, json};
use std::time::Duration;
use testbed::envoy::EnvoyConfig;
use testbed::hf::Mode;
use testbed::persona::Persona;
use testbed::reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Each worker has its own VM.
const WORKERS: f64 = 2.0;
const BODIES: &str = "entragate_held_bodies{}";
const BYTES: &str = "entragate_held_bytes{}";

/// A gateway whose rules need the model of every POST request.
async fn gateway(limits: Value) -> Gateway {
    Gateway::with(|config: EnvoyConfig| {
        config.change_policy(|policy| {
            policy["limits"] = limits;
            policy["rules"] = json!([
                {"name": "org", "match": {"models": ["org/*"]}, "require": {"role": "Model.Query"},
                 "credential": "hf-read"},
                {"name": "list", "match": {"methods": ["GET"]}, "require": {"role": "Model.Query"},
                 "credential": "hf-read"},
            ]);
        })
    })
    .await
}

/// Returns the number of bodies refused because of this limit.
async fn exceeded(gateway: &Gateway, limit: &str) -> f64 {
    let sample = format!(r#"entragate_held_exceeded{{reason="{limit}"}}"#);
    Some(value(gateway, &sample).await)
        .filter(|count| !count.is_nan())
        .unwrap_or_default()
}

fn head(token: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 1000000\r\n\r\n"
    )
}

/// Starts to send a body of 1 MB, and waits for an answer.
fn unfinished(gateway: &Gateway, bytes: usize) -> JoinHandle<Vec<u8>> {
    let (addr, token) = (gateway.envoy.addr(), gateway.token(Persona::Ada));
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let partial_request = format!("{}{{\"messages\": \"{}", head(&token), "x".repeat(bytes));
        // The gateway may close the connection before all of it is written.
        let _ = stream.write_all(partial_request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    })
}

/// Checks that a regular request succeeds.
async fn assert_is_served(gateway: &Gateway) {
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_bodies_are_limited_in_bytes() {
    const CALLERS: usize = 200;
    const LIMIT: f64 = 4_194_304.0;
    let limits = json!({"inspected_bytes": 4_194_304, "inspection_timeout": "10m"});
    let gateway = gateway(limits).await;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| unfinished(&gateway, 900_000))
        .collect();
    let all_have_arrived = || async {
        let refused = exceeded(&gateway, "inspected_bytes").await;
        let held = value(&gateway, BODIES).await;
        let bytes = value(&gateway, BYTES).await;
        // Gauges are updated once a second, so the first may not exist yet.
        assert!(
            bytes.is_nan() || bytes <= WORKERS * LIMIT,
            "{bytes} bytes are held"
        );
        // Each held body has slightly more than 900,000 bytes.
        refused + held == CALLERS as f64 && bytes > held * 900_000.0
    };
    wait_until("each body is held or refused", all_have_arrived).await;
    let held = value(&gateway, BODIES).await;
    assert!((1.0..=8.0).contains(&held), "{held} bodies are held");
    let is_denial = |record: &Value| record["code"] == "inspection_unavailable";
    let record = gateway.envoy.wait_for_audit(is_denial, SOON).await;
    let reason = record.unwrap()["reason"].to_string();
    assert!(reason.contains("limits.inspected_bytes"), "{reason}");
    callers.iter().for_each(JoinHandle::abort);
    let nothing_is_held =
        || async { value(&gateway, BYTES).await == 0.0 && value(&gateway, BODIES).await == 0.0 };
    wait_until("nothing is held", nothing_is_held).await;
    assert_is_served(&gateway).await;
    assert_eq!(gateway.hf.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_bodies_are_limited_in_number() {
    const CALLERS: usize = 60;
    let limits = json!({"inspections": 4, "inspection_timeout": "10m"});
    let gateway = gateway(limits).await;
    let callers: Vec<_> = (0..CALLERS).map(|_| unfinished(&gateway, 10)).collect();
    let all_have_arrived = || async {
        let refused = exceeded(&gateway, "inspections").await;
        refused + value(&gateway, BODIES).await == CALLERS as f64
    };
    wait_until("each body is held or refused", all_have_arrived).await;
    let held = value(&gateway, BODIES).await;
    assert!(
        (4.0..=WORKERS * 4.0).contains(&held),
        "{held} bodies are held"
    );
    let answered = || async {
        let answered = callers.iter().filter(|caller| caller.is_finished());
        answered.count() as f64 == CALLERS as f64 - held
    };
    wait_until("all other callers are answered", answered).await;
    for caller in callers {
        if !caller.is_finished() {
            caller.abort();
            continue;
        }
        let answer = String::from_utf8(caller.await.unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(answer.contains("x-error-code: inspection_unavailable"));
        assert!(answer.contains("retry-after: 2"), "{answer}");
    }
    let nothing_is_held = || async { value(&gateway, BODIES).await == 0.0 };
    wait_until("nothing is held", nothing_is_held).await;
    assert_is_served(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_body_is_refused_at_the_deadline() {
    let gateway = gateway(json!({"inspection_timeout": "1s"})).await;
    let token = gateway.token(Persona::Ada);
    // The callers send one byte at a time, one piece, or nothing.
    for pieces in [1000, 1, 0] {
        let stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        write.write_all(head(&token).as_bytes()).await.unwrap();
        let sending = tokio::spawn(async move {
            for _ in 0..pieces {
                if write.write_all(b" ").await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // The connection stays open: the caller continues to wait.
            write
        });
        let mut answer = vec![0; 4096];
        let reading = tokio::time::timeout(SOON, read.read(&mut answer));
        let length = reading
            .await
            .expect("the gateway answers before the timeout")
            .unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 408"), "{pieces}: {answer}");
        assert!(answer.contains("x-error-code: body_timeout"), "{answer}");
        sending.abort();
    }
    let is_denial = |record: &Value| record["code"] == "body_timeout";
    gateway.envoy.wait_for_audit(is_denial, SOON).await.unwrap();
    let counted = || async { exceeded(&gateway, "inspection_timeout").await == 3.0 };
    wait_until("each timeout is counted", counted).await;
    let nothing_is_held = || async { value(&gateway, BODIES).await == 0.0 };
    wait_until("nothing is held", nothing_is_held).await;
    assert!(gateway.hf.requests().is_empty());
    assert_is_served(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_response_is_released_at_the_deadline() {
    let gateway = gateway(json!({"inspection_timeout": "1s"})).await;
    let token = gateway.token(Persona::Ada);
    let body = r#"{"data": [{"id": "org/secret"#.to_owned();
    gateway.hf.set_mode(Mode::Stalled { status: 200, body });
    let list = gateway.request(Method::GET, "/v1/models");
    let response = list.bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-error-code"), "models_unreadable");
    assert!(!response.text().await.unwrap().contains("secret"));
    // Upstream errors pass unchanged.
    let body = r#"{"error": "#.to_owned();
    gateway.hf.set_mode(Mode::Stalled { status: 400, body });
    let mut response = gateway.chat(&token).await;
    assert_eq!(response.status(), 400);
    let chunk = response.chunk().await.unwrap().unwrap();
    assert_eq!(&chunk[..], br#"{"error": "#);
    let counted = || async { exceeded(&gateway, "inspection_timeout").await == 2.0 };
    wait_until("both timeouts are counted", counted).await;
    let nothing_is_held = || async { value(&gateway, BODIES).await == 0.0 };
    wait_until("nothing is held", nothing_is_held).await;
}

/// The overload section of `envoy.yaml` with a lower limit.
#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed() {
    const LIMIT: u64 = 4;
    let gateway = Gateway::with(|config: EnvoyConfig| {
        config.document(|document| {
            let monitors = &mut document["overload_manager"]["resource_monitors"];
            let monitor = monitors.as_array_mut().unwrap().iter_mut();
            let is_connections = |monitor: &&mut Value| {
                monitor["name"] == "envoy.resource_monitors.global_downstream_max_connections"
            };
            let limit = &mut monitor.into_iter().find(is_connections).unwrap()["typed_config"];
            limit["max_active_downstream_connections"] = json!(LIMIT);
        })
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..LIMIT {
        let mut stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
        let health = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(health).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        open.push(stream);
    }
    let mut one_more = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(SOON, one_more.read_to_end(&mut answer)).await;
    closed.expect("the connection is closed").ok();
    assert!(answer.is_empty());
    // Connections to the admin interface are not counted, so metrics are still available.
    gateway.envoy.prometheus().await.unwrap();
    drop(open);
    let served = || async {
        let request = gateway.request(Method::POST, "/v1/chat/completions");
        let request = request
            .bearer_auth(gateway.token(Persona::Ada))
            .json(&chat());
        request
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
    };
    wait_until("a new connection is accepted", served).await;
}
