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

/// Envoy's listener in a file that Envoy watches.
pub struct Listener {
    file: PathBuf,
    value: Value,
}

impl Listener {
    /// Takes the listener out of the bootstrap and has Envoy read it from `folder`.
    pub fn taken_from(document: &mut Value, folder: &Path) -> Self {
        let mut value = document["static_resources"]["listeners"][0].take();
        value["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        document["static_resources"]
            .as_object_mut()
            .unwrap()
            .remove("listeners");
        document["node"] = json!({"id": "chaos", "cluster": "chaos"});
        let file = folder.join("listener.json");
        document["dynamic_resources"]["lds_config"] = json!({"path_config_source": {"path": file}});
        let listener = Self { file, value };
        listener.write("first");
        listener
    }

    /// The same with the given realm.
    pub fn write(&self, realm: &str) {
        self.change(realm, |policy| policy["replies"]["realm"] = json!(realm));
    }

    /// The same with a changed policy. Envoy reads a file that was moved into place.
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
    let folder = tempfile::tempdir().unwrap();
    let mut listener = None;
    let gateway = Gateway::with(|config: EnvoyConfig| {
        config.drain_time(1).document(|document| {
            listener = Some(Listener::taken_from(document, folder.path()));
        })
    })
    .await;
    let (gateway, listener) = (Arc::new(gateway), listener.unwrap());
    let (ended, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (gateway, ended, asked) = (gateway.clone(), ended.clone(), asked.clone());
            tokio::spawn(async move {
                let (good, bad) = (gateway.token(Persona::Ada), gateway.token(Persona::Nora));
                while !ended.load(Ordering::SeqCst) {
                    assert_eq!(gateway.chat(&good).await.status(), 200);
                    assert_eq!(gateway.chat(&bad).await.status(), 403);
                    asked.fetch_add(2, Ordering::SeqCst);
                    gateway.hf.take_requests();
                }
            })
        })
        .collect();
    let count = rounds(20);
    let mut sizes = Vec::new();
    for round in 1..=count {
        listener.write(&format!("realm-{round}"));
        wait_until("Envoy has taken it", || async {
            let updates = gateway
                .envoy
                .stat("listener_manager.lds.update_success")
                .await
                .unwrap();
            updates > u64::try_from(round).unwrap()
        })
        .await;
        let realm = format!("realm=\"realm-{round}\"");
        wait_until("the filter has it", || async {
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
        asked.load(Ordering::SeqCst),
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
    let folder = tempfile::tempdir().unwrap();
    let mut listener = None;
    let gateway = Gateway::with(|config: EnvoyConfig| {
        config.document(|document| {
            listener = Some(Listener::taken_from(document, folder.path()));
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
        wait_until("Envoy has refused it", || async {
            let refused = gateway.envoy.stat("listener_manager.lds.update_rejected");
            refused.await.unwrap() >= round
        })
        .await;
        // The log is loud about it, so this is not `assert_sound`.
        for (caller, status) in [(Persona::Ada, 200), (Persona::Nora, 403)] {
            let response = gateway.chat(&gateway.token(caller)).await;
            assert_eq!(response.status(), status, "{caller:?} after {round}");
        }
    }
}
