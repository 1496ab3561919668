//! Faults around a real Envoy: in the issuer, the endpoint, the callers, the configuration and the exporting worker.
//! `CHAOS_TIMES` is the number of repetitions; `make chaos` sets it.

mod callers;
mod directory;
mod endpoint;
#[path = "../e2e/gateway.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod gateway;
mod handover;
mod issuer;
mod reload;

use gateway::{Gateway, wait_until};
use std::time::Duration;
use testbed::persona::Persona;

/// Returns the number of repetitions of each fault: `few` in `make test`.
fn rounds(few: usize) -> usize {
    match std::env::var("CHAOS_TIMES") {
        Ok(text) => few * text.parse::<usize>().expect("CHAOS_TIMES must be a number"),
        Err(_) => few,
    }
}

/// Checks that no request hangs, no VM has crashed, and the gateway still makes the right decisions.
async fn assert_sound(gateway: &Gateway) {
    assert!(gateway.envoy.becomes_idle().await, "a request hangs");
    let good = gateway.token(Persona::Ada);
    wait_until("a permitted request succeeds", || async {
        gateway.chat(&good).await.status() == 200
    })
    .await;
    assert_eq!(
        gateway.chat(&gateway.token(Persona::Nora)).await.status(),
        403
    );
    assert_eq!(gateway.chat("not.a.token").await.status(), 401);
    for request in gateway.hf.take_requests() {
        assert_eq!(
            request.bearer(),
            Some(gateway.hf.token().as_str()),
            "{}",
            request.path
        );
    }
    let crashed =
        |line: &String| line.contains("[critical]") || line.contains("Function: proxy_on_");
    assert!(
        !gateway.envoy.log_lines().iter().any(crashed),
        "a VM crashed"
    );
}

/// Resident memory of Envoy, in KiB.
fn resident(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.envoy.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
