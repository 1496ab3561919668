//! Real clients at the limit: they show why they are refused, do not repeat the request, and succeed after the time in Retry-After.

use super::super::clients::{node_clients, output_of, python};
use super::super::docs::root;
use super::{BY_OID, Fleet, identity, limits, oid, patient};
use serde_json::json;
use tokio::process::Command;

/// The calls of `check_outcome.py` and of `check_clients.mjs`.
const PYTHON_CALLS: u64 = 6;
const NODE_CALLS: u64 = 8;

async fn shows_the_budget(program: &mut Command, calls: u64) {
    let fleet = Fleet::start(&limits(&[("requests-by-oid", 0)]), 1, patient).await;
    program
        .env("GATEWAY_URL", fleet.gateways[0].url())
        .env("TOKEN", fleet.entra.sign(identity(0)))
        .env("EXPECT", "429:quota_exceeded")
        // The default of these clients.
        .env("MAX_RETRIES", "2");
    let text = output_of(program).await;
    assert!(
        text.contains(&format!("{calls} passed, 0 failed")),
        "{text}"
    );
    fleet.becomes_idle().await;
    assert_eq!(fleet.used(BY_OID, &[&oid(0)]), calls, "one request a call");
    assert!(fleet.hf.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_show_a_used_up_budget() {
    let script = root().join("tests/clients/check_outcome.py");
    shows_the_budget(Command::new(python()).arg(script), PYTHON_CALLS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_clients_show_a_used_up_budget() {
    if let Some(folder) = node_clients() {
        let script = folder.join("check_clients.mjs");
        shows_the_budget(Command::new("node").arg(script), NODE_CALLS).await;
    }
}

/// Sends `CALLS` requests of each of `clients` clients, which have a budget of one request per second each.
async fn succeeds_later(program: &mut Command, clients: u64) {
    const CALLS: u64 = 4;
    let mut limits = limits(&[]);
    limits["descriptors"][0]["rate_limit"]["unit"] = json!("second");
    limits["descriptors"][0]["rate_limit"]["requests_per_unit"] = json!(1);
    let fleet = Fleet::start(&limits, 1, patient).await;
    let tokens = (0..clients as usize).map(|caller| fleet.entra.sign(identity(caller)));
    program
        .env("GATEWAY_URL", fleet.gateways[0].url())
        .env("TOKENS", tokens.collect::<Vec<_>>().join(" "))
        .env("CALLS", CALLS.to_string());
    let text = output_of(program).await;
    assert_eq!(text.matches("ok ").count() as u64, clients, "{text}");
    let (permitted, refused) = (fleet.counted("ok").await, fleet.counted("over_limit").await);
    assert_eq!(permitted, CALLS * clients);
    // A client that waits for the time in `Retry-After` is refused once for each call but the first, or twice if a window has just begun.
    assert!(
        (clients..=2 * permitted).contains(&refused),
        "{refused} refused requests"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn python_clients_succeed_after_retry_after() {
    let script = root().join("tests/clients/check_retry.py");
    succeeds_later(Command::new(python()).arg(script), 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_clients_succeed_after_retry_after() {
    if let Some(folder) = node_clients() {
        let script = folder.join("check_retry.mjs");
        succeeds_later(Command::new("node").arg(script), 5).await;
    }
}
