//! Repeated configuration changes under load: no request fails, and memory levels off. An invalid configuration does not
//! replace a valid one.

use super::gateway::{Gateway, wait_until};
use super::{assert_sound, resident, rounds};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;

/// Envoy's listener, in a file that Envoy watches.
pub struct Listener {
    file: PathBuf,
    value: Value,
}

impl Listener {
    /// Moves the listener from the bootstrap into a file in `directory` from which Envoy reads it.
    pub fn extract(document: &mut Value, directory: &Path) -> Self {
        let mut value = document["static_resources"]["listeners"][0].take();
        value["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        document["static_resources"]
            .as_object_mut()
            .unwrap()
            .remove("listeners");
        document["node"] = json!({"id": "chaos", "cluster": "chaos"});
        let file = directory.join("listener.json");
        document["dynamic_resources"]["lds_config"] = json!({"path_config_source": {"path": file}});
        let listener = Self { file, value };
        listener.write("first");
        listener
    }

    /// Writes the listener with this realm.
    pub fn write(&self, realm: &str) {
        self.change(realm, |policy| policy["replies"]["realm"] = json!(realm));
    }

    /// Writes the listener with a changed policy. Envoy reloads a file when another one is moved into its place.
    fn change(&self, version: &str, change: impl Fn(&mut Value)) {
        let mut value = self.value.clone();
        let filters = &mut value["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
        change(&mut filters[0]["typed_config"]["config"]["configuration"]["value"]);
        let response = json!({"version_info": version, "resources": [value]});
        let draft = self.file.with_extension("draft");
        fs::write(&draft, response.to_string()).unwrap();
        fs::rename(&draft, &self.file).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_fail_no_request_and_memory_levels_off() {
    let directory = tempfile::tempdir().unwrap();
    let mut listener = None;
    let gateway = Gateway::with(|config: EnvoyConfig| {
        config.drain_time(1).document(|document| {
            listener = Some(Listener::extract(document, directory.path()));
        })
    })
    .await;
    let (gateway, listener) = (Arc::new(gateway), listener.unwrap());
    let (ended, request_count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (gateway, ended, request_count) =
                (gateway.clone(), ended.clone(), request_count.clone());
            tokio::spawn(async move {
                let (good, bad) = (gateway.token(Persona::Ada), gateway.token(Persona::Nora));
                while !ended.load(Ordering::SeqCst) {
                    assert_eq!(gateway.chat(&good).await.status(), 200);
                    assert_eq!(gateway.chat(&bad).await.status(), 403);
                    request_count.fetch_add(2, Ordering::SeqCst);
                    gateway.hf.take_requests();
                }
            })
        })
        .collect();
    let count = rounds(20);
    let mut sizes = Vec::new();
    for round in 1..=count {
        listener.write(&format!("realm-{round}"));
        wait_until("Envoy has accepted the configuration", || async {
            let updates = gateway
                .envoy
                .stat("listener_manager.lds.update_success")
                .await
                .unwrap();
            updates > u64::try_from(round).unwrap()
        })
        .await;
        let realm = format!("realm=\"realm-{round}\"");
        wait_until("the filter uses the configuration", || async {
            let response = gateway
                .client
                .get(gateway.envoy.url() + "/v1/models")
                .send()
                .await
                .unwrap();
            super::gateway::header(&response, "www-authenticate").contains(&realm)
        })
        .await;
        sizes.push(resident(&gateway));
    }
    ended.store(true, Ordering::SeqCst);
    for task in load {
        task.await.expect("no request failed");
    }
    let (third, last) = (sizes[count / 3], *sizes.last().unwrap());
    println!(
        "chaos: {count} configurations under {} requests: resident {} KiB after 1, {third} KiB after {}, {last} KiB after {count}",
        request_count.load(Ordering::SeqCst),
        sizes[0],
        count / 3 + 1,
    );
    assert_sound(&gateway).await;
    // Memory of replaced configurations must not accumulate.
    let growth = last.saturating_sub(third);
    assert!(growth < 30_000, "{growth} KiB more: {sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_configuration_does_not_replace_a_valid_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut listener = None;
    let gateway = Gateway::with(|config: EnvoyConfig| {
        config.document(|document| {
            listener = Some(Listener::extract(document, directory.path()));
        })
    })
    .await;
    let listener = listener.unwrap();
    assert_sound(&gateway).await;
    let wrong: [&dyn Fn(&mut Value); 3] = [
        &|policy| policy["issuers"] = json!([]),
        &|policy| policy["rules"][1]["require"] = json!({"rol": "x"}),
        &|policy| *policy = json!({}),
    ];
    for (round, change) in (1..).zip(wrong) {
        listener.change(&format!("wrong-{round}"), change);
        wait_until("Envoy has rejected the configuration", || async {
            let refused = gateway.envoy.stat("listener_manager.lds.update_rejected");
            refused.await.unwrap() >= round
        })
        .await;
        // Envoy logs the rejection as critical, so `assert_sound` does not apply.
        for (caller, status) in [(Persona::Ada, 200), (Persona::Nora, 403)] {
            let response = gateway.chat(&gateway.token(caller)).await;
            assert_eq!(response.status(), status, "{caller:?} after {round}");
        }
    }
}
