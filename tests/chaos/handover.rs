//! Repeated configuration changes while audit records are exported: every record arrives.

use super::gateway::{Gateway, header, wait_until};
use super::reload::Listener;
use super::{assert_sound, rounds};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::stub::{Answer, ResponseFault, Stub};

/// Returns the ids of all records that have arrived.
fn arrived(monitor: &Stub) -> Vec<String> {
    let calls = monitor.requests().into_iter();
    let records = calls.flat_map(|call| serde_json::from_slice::<Vec<Value>>(&call.body).unwrap());
    let id = |record: Value| record["request_id"].as_str().unwrap().to_owned();
    records.map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_configurations_lose_no_audit_record() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Stub::start(&["localhost"]).await.unwrap();
    let slow = Answer::bytes(204, "").with(ResponseFault::Delay(Duration::from_millis(50)));
    monitor.on("/in", slow);
    let mut listener = None;
    let gateway = Gateway::with(|config: EnvoyConfig| {
        config
            .concurrency(4)
            .drain_time(1)
            .upstream("monitor", monitor.addr(), monitor.is_tls())
            .change_policy(|policy| {
                policy["audit"]["export"] =
                    json!({"cluster": "monitor", "uri": "https://localhost/in", "every": "1s"});
            })
            .document(|document| {
                listener = Some(Listener::extract(document, directory.path()));
            })
    })
    .await;
    let (gateway, listener) = (Arc::new(gateway), listener.unwrap());
    let ended = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (gateway, ended) = (gateway.clone(), ended.clone());
            tokio::spawn(async move {
                let (token, mut sent) = (gateway.token(Persona::Ada), Vec::new());
                while !ended.load(Ordering::SeqCst) {
                    // A removed listener closes its connections, possibly while a request is being sent.
                    let Ok(response) = gateway.chat_builder(&token).send().await else {
                        continue;
                    };
                    assert_eq!(response.status(), 200);
                    sent.push(header(&response, "x-request-id").to_owned());
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                sent
            })
        })
        .collect();
    for round in 1..=rounds(6) {
        listener.write(&format!("realm-{round}"));
        let stat = "listener_manager.lds.update_success";
        wait_until("Envoy has accepted the configuration", || async {
            gateway.envoy.stat(stat).await.unwrap() > round as u64
        })
        .await;
        // The old configuration drains for a second; the next one arrives either before or after the end of the drain.
        let pause = if round % 2 == 0 { 200 } else { 1500 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    ended.store(true, Ordering::SeqCst);
    let mut sent = BTreeSet::new();
    for task in load {
        sent.extend(task.await.expect("no request failed"));
    }
    let missing = || {
        let arrived: BTreeSet<String> = arrived(&monitor).into_iter().collect();
        sent.difference(&arrived).count()
    };
    wait_until("all records arrive", || async { missing() == 0 }).await;
    let (arrived, calls) = (arrived(&monitor), monitor.requests().len());
    let different: BTreeSet<&String> = arrived.iter().collect();
    println!(
        "chaos: {} records over {} configurations arrived in {calls} calls, {} of them twice",
        sent.len(),
        rounds(6) + 1,
        arrived.len() - different.len()
    );
    assert_sound(&gateway).await;
}
