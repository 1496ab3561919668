//! One exporter for all workers of a real Envoy, which has eight workers and its main thread.

use super::export::{export, ids, monitor, records};
use super::gateway::{Gateway, SOON, chat, header, http2, wait_until};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use testbed::entra::Entra;
use testbed::envoy::{EnvoyConfig, hooks_path};
use testbed::persona::Persona;
use testbed::reqwest::Client;
use testbed::stub::Stub;

const WORKERS: u32 = 8;

async fn eight(monitor: &Stub, change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Gateway {
    let entra = Entra::start().await.unwrap();
    let export = export(monitor, json!({"every": "2s", "timeout": "5s"}));
    let gateway = Gateway::cold(entra, |config| change(export(config.concurrency(WORKERS))));
    let gateway = gateway.await;
    gateway.wait_for_vms_with_keys(u64::from(WORKERS) + 1).await;
    gateway
}

impl Gateway {
    /// Sends chats over separate connections, so that every worker receives some. Returns their ids.
    async fn chats_on_all_workers(&self, count: usize) -> Vec<String> {
        let (url, token) = (self.envoy.url(), self.token(Persona::Ada));
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let fresh: Client = testbed::client::client();
                let request = fresh.post(format!("{url}/v1/chat/completions"));
                let request = request.bearer_auth(&token).json(&chat());
                tokio::spawn(async move {
                    let response = request.send().await.unwrap();
                    assert_eq!(response.status(), 200);
                    header(&response, "x-request-id").to_owned()
                })
            })
            .collect();
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap());
        }
        ids
    }

    /// Returns the number of threads that have written audit records.
    fn deciding_threads(&self) -> usize {
        let lines = self.envoy.log_lines().into_iter();
        let audit = lines.filter(|line| line.contains(r#""request_id""#));
        let thread = |line: String| line.split("][").nth(1).map(str::to_owned);
        audit.filter_map(thread).collect::<BTreeSet<_>>().len()
    }
}

async fn all_arrive(monitor: &Stub, sent: &[String]) {
    let sent: BTreeSet<String> = sent.iter().cloned().collect();
    let deadline = Instant::now() + SOON;
    while ids(monitor) != sent {
        let arrived = ids(monitor);
        let missing: Vec<_> = sent.difference(&arrived).collect();
        assert!(Instant::now() < deadline, "{missing:?} of {arrived:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_exports_for_all_and_each_record_arrives_once() {
    let monitor = monitor().await;
    let gateway = eight(&monitor, |config| config).await;
    let (began, mut sent) = (Instant::now(), Vec::new());
    while began.elapsed() < Duration::from_secs(12) {
        sent.extend(gateway.chats_on_all_workers(8).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    all_arrive(&monitor, &sent).await;
    let elapsed = began.elapsed().as_secs() as usize + 1;
    let (calls, threads) = (monitor.requests().len(), gateway.deciding_threads());
    println!(
        "{} records of {threads} workers in {calls} calls and {elapsed} s",
        sent.len()
    );
    assert_eq!(
        records(&monitor).len(),
        sent.len(),
        "each record arrives once"
    );
    assert!(threads >= 4, "{threads} workers had requests");
    // One call per 2 s, and one for each full batch of 100; separate exports would make at least four times as many calls.
    let max_calls = elapsed / 2 + elapsed / 6 + sent.len() / 100 + 2;
    assert!(
        calls <= max_calls,
        "{calls} calls in {elapsed} s; expected at most {max_calls}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn terminated_worker_loses_no_record_it_handed_over() {
    let monitor = monitor().await;
    let gateway = eight(&monitor, |config| config.wasm(&hooks_path())).await;
    monitor.on("/in", testbed::stub::Answer::bytes(503, ""));
    let sent = gateway.chats_on_all_workers(48).await;
    wait_until("the service rejects a call", || async {
        !monitor.requests().is_empty()
    })
    .await;
    // The exporter pauses after the failure. All workers terminate, most of them more than once.
    monitor.take_requests();
    let mut terminated = 0;
    for _ in 0..40 {
        let trap = http2().get(format!("{}/health", gateway.envoy.url()));
        let trap = trap.header("x-entragate-test-trap", "1").send().await;
        terminated += usize::from(
            trap.is_err() || trap.is_ok_and(|response| response.status().is_server_error()),
        );
    }
    assert_eq!(terminated, 40);
    monitor.on("/in", testbed::stub::Answer::bytes(204, ""));
    all_arrive(&monitor, &sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_vm_id_each_worker_exports_and_logs_it() {
    let monitor = monitor().await;
    let gateway = Gateway::with(|config| export(&monitor, json!({}))(config).vm_id("")).await;
    let sent = gateway.chats_on_all_workers(4).await;
    all_arrive(&monitor, &sent).await;
    let is_logged =
        |line: &str| line.contains("exports its audit records") && line.contains("vm_id");
    let is_logged = gateway.envoy.wait_for_log(is_logged, SOON);
    is_logged.await.unwrap();
}
