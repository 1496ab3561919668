//! One fetch for all workers of a real Envoy, which has eight workers and its main thread.

use super::gateway::{Gateway, chat, http2, wait_until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::entra::Entra;
use testbed::envoy::{EnvoyConfig, hooks_path};
use testbed::fault::Fault;
use testbed::persona::Persona;
use testbed::reqwest::Client;

const WORKERS: u32 = 8;
const VMS: u64 = WORKERS as u64 + 1;

async fn eight(jwks: Value, change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Gateway {
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| {
        change(config.concurrency(WORKERS).change_policy(|policy| {
            policy["issuers"][0]["jwks"] = jwks;
            policy["wait"] = json!({"timeout": "10s"});
        }))
    });
    let gateway = gateway.await;
    gateway.wait_for_vms_with_keys(VMS).await;
    gateway
}

impl Gateway {
    async fn key_fetches(&self, outcome: &str) -> u64 {
        let name = format!("wasmcustom.entragate.key_fetches.contoso.{outcome}");
        self.envoy.stat(&name).await.unwrap_or_default()
    }

    /// Returns the statuses of concurrent chats over separate connections, so that every worker receives some.
    async fn chats(&self, count: usize, token: &str) -> Vec<u16> {
        let url = format!("{}/v1/chat/completions", self.envoy.url());
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let fresh: Client = testbed::client::client();
                let request = fresh.post(&url).bearer_auth(token).json(&chat());
                tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
            })
            .collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.unwrap());
        }
        statuses
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_of_eight_workers_takes_one_request() {
    let gateway = eight(json!({"cluster": "entra", "refresh": "2s"}), |config| {
        config
    })
    .await;
    wait_until("five fetches have finished", || async {
        gateway.key_fetches("good").await >= 5
            && gateway.key_fetches("shared").await >= 5 * (VMS - 1)
    })
    .await;
    // Another fetch may have started.
    let (good, requests) = (
        gateway.key_fetches("good").await,
        gateway.entra.jwks_requests(),
    );
    println!("{good} fetches, {requests} requests, by {VMS} VMs");
    assert!(requests as u64 <= good + 1, "{requests} requests");
    assert_eq!(gateway.key_fetches("failed").await, 0);
    let statuses = gateway.chats(32, &gateway.token(Persona::Ada)).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_seen_by_all_workers_takes_one_request() {
    let gateway = eight(json!({"cluster": "entra", "cooldown": "1s"}), |config| {
        config
    })
    .await;
    for round in 1..=3 {
        let before = gateway.entra.jwks_requests();
        gateway.entra.rotate();
        let statuses = gateway.chats(48, &gateway.token(Persona::Ada)).await;
        assert!(
            statuses.iter().all(|status| *status == 200),
            "round {round}: {statuses:?}"
        );
        assert_eq!(gateway.entra.jwks_requests() - before, 1, "round {round}");
        tokio::time::sleep(Duration::from_millis(1100)).await; // the cooldown itself
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminated_fetching_worker_is_replaced() {
    let jwks = json!({"cluster": "entra", "cooldown": "1s"});
    let gateway = eight(jwks, |config| config.wasm(&hooks_path())).await;
    let before = gateway.entra.jwks_requests();
    gateway.entra.rotate();
    gateway.entra.set_fault(Fault::Hang);
    let token = gateway.token(Persona::Ada);
    // One connection and therefore one worker: it sees the new key, fetches, and terminates.
    let connection = http2();
    let url = gateway.envoy.url();
    let parked = connection.post(format!("{url}/v1/chat/completions"));
    let parked = tokio::spawn(parked.bearer_auth(&token).json(&chat()).send());
    wait_until("the worker fetches keys", || async {
        gateway.entra.jwks_requests() > before
    })
    .await;
    let trap = connection.get(format!("{url}/health"));
    let trap = trap.header("x-entragate-test-trap", "1").send().await;
    assert!(trap.is_err() || trap.is_ok_and(|reply| reply.status().is_server_error()));
    gateway.entra.set_fault(Fault::None);
    let since = Instant::now();
    // Envoy does not answer requests that were parked in a terminated VM.
    parked.abort();
    // The other workers wait for the lease to end, and then one of them fetches for all.
    let statuses = gateway.chats(32, &token).await;
    let elapsed = since.elapsed();
    println!("keys arrived {elapsed:?} after the fetching worker terminated");
    let served = statuses.iter().filter(|status| **status == 200).count();
    // Requests at the worker whose VM is being replaced may fail; it is one of eight.
    assert!(served >= 16, "{statuses:?}");
    assert!(elapsed < Duration::from_secs(9), "{elapsed:?}");
    wait_until("the new VM serves requests as well", || async {
        gateway
            .chats(32, &token)
            .await
            .iter()
            .all(|status| *status == 200)
    })
    .await;
    assert_eq!(
        gateway.entra.jwks_requests() - before,
        2,
        "the lost fetch, and one for all workers"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_vm_id_each_worker_fetches_and_logs_it() {
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| config.vm_id("")).await;
    gateway.wait_for_vms_with_keys(3).await;
    assert_eq!(gateway.key_fetches("shared").await, 0);
    assert_eq!(gateway.entra.jwks_requests(), 3);
    let is_logged = |line: &str| line.contains("fetches keys") && line.contains("vm_id is empty");
    gateway
        .envoy
        .wait_for_log(is_logged, super::gateway::SOON)
        .await
        .unwrap();
}
