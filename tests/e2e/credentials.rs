//! Credentials that change while a real Envoy runs: rotated in a secret store under load, or lost because the store is
//! unavailable.

use super::gateway::{Gateway, header, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::recorded::Recorded;
use testbed::reqwest::Response;
use testbed::stub::{Answer, ResponseFault, Stub};

const VAULT_PATH: &str = "/v1/secret/data/hf";

fn vault_answer(value: &str) -> Answer {
    Answer::json(
        200,
        &json!({"data": {"data": {"token": value}, "metadata": {"version": 1}}}),
    )
}

async fn service(path: &str, answer: Answer) -> Stub {
    let service = Stub::start(&["localhost"]).await.unwrap();
    service.on(path, answer);
    service
}

/// Makes this credential, fetched from `service`, the only one.
pub fn credential(
    name: &'static str,
    service: &Stub,
    source: Value,
) -> impl Fn(EnvoyConfig) -> EnvoyConfig + use<> {
    let (addr, tls) = (service.addr(), service.is_tls());
    let cluster = source
        .as_object()
        .and_then(|source| source.values().find_map(|value| value["cluster"].as_str()));
    let cluster = cluster.unwrap().to_owned();
    move |config| {
        config
            .upstream(&cluster, addr, tls)
            .change_policy(|policy| {
                let mut credential = source.clone();
                credential["name"] = json!(name);
                policy["credentials"] = json!([credential]);
                for rule in policy["rules"].as_array_mut().unwrap() {
                    if rule.get("credential").is_some() {
                        rule["credential"] = json!(name);
                    }
                }
            })
    }
}

fn vault(
    service: &Stub,
    refresh: &str,
    max_stale: &str,
) -> impl Fn(EnvoyConfig) -> EnvoyConfig + use<> {
    let http = json!({
        "cluster": "vault", "uri": format!("https://localhost{VAULT_PATH}"),
        "headers": {"x-vault-token": {"env": "VAULT_TOKEN"}}, "pointer": "/data/data/token",
        "refresh": refresh, "max_stale": max_stale, "timeout": "500ms",
    });
    let change = credential("hf-vault", service, json!({"http": http}));
    move |config| change(config).vm_env("VAULT_TOKEN", "s.vault")
}

/// Returns the credentials with which requests reached the endpoint.
pub fn credentials_in(requests: &[Recorded]) -> BTreeSet<String> {
    let bearer = |request: &Recorded| {
        let value = request.header("authorization")?;
        Some(value.strip_prefix("Bearer ")?.to_owned())
    };
    requests.iter().filter_map(bearer).collect()
}

/// Returns a counter or gauge of the filter.
pub async fn stat(gateway: &Gateway, name: &str) -> u64 {
    let name = format!("wasmcustom.entragate.{name}");
    gateway.envoy.stat(&name).await.unwrap_or_default()
}

/// Callers that send requests until they are stopped, and the number of each outcome.
struct Load {
    stop: Arc<AtomicBool>,
    succeeded: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    callers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn begin(gateway: &Arc<Gateway>, callers: usize) -> Self {
        let (stop, succeeded, failed) = Default::default();
        let mut load = Self {
            stop,
            succeeded,
            failed,
            callers: Vec::new(),
        };
        let token = gateway.token(Persona::Ada);
        for _ in 0..callers {
            let (gateway, token) = (gateway.clone(), token.clone());
            let (stop, succeeded, failed) = (
                load.stop.clone(),
                load.succeeded.clone(),
                load.failed.clone(),
            );
            load.callers.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let is_good = gateway.chat(&token).await.status() == 200;
                    let outcome = if is_good { &succeeded } else { &failed };
                    outcome.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        load
    }

    fn succeeded(&self) -> usize {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// Stops the callers. Returns the number of requests that succeeded and that failed.
    async fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        let count = |counter: Arc<AtomicUsize>| counter.load(Ordering::Relaxed);
        (count(self.succeeded), count(self.failed))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credential_rotates_under_load_without_a_failed_request() {
    let store = service(VAULT_PATH, vault_answer("value-1")).await;
    let gateway = Gateway::with(vault(&store, "1s", "1h")).await;
    gateway.hf.set_accepted(["value-1"]);
    let gateway = Arc::new(gateway);
    let load = Load::begin(&gateway, 8);
    for version in 2..=4 {
        let (old, new) = (format!("value-{}", version - 1), format!("value-{version}"));
        let before = load.succeeded();
        wait_until("requests are served", || async {
            load.succeeded() > before + 50
        })
        .await;
        // The steps of the runbook: a new credential is created, put into the store, and in use everywhere before the old one
        // is deleted.
        gateway.hf.accept(&new);
        store.on(VAULT_PATH, vault_answer(&new));
        let since = Instant::now();
        wait_until("only the new credential is sent", || async {
            gateway.hf.take_requests();
            tokio::time::sleep(Duration::from_millis(200)).await;
            credentials_in(&gateway.hf.requests()) == BTreeSet::from([new.clone()])
        })
        .await;
        let elapsed = since.elapsed();
        assert!(elapsed < Duration::from_secs(10), "it took {elapsed:?}");
        gateway.hf.set_accepted([new.as_str()]);
        gateway.hf.take_requests();
        let before = load.succeeded();
        wait_until("requests are served", || async {
            load.succeeded() > before + 50
        })
        .await;
        assert!(
            !credentials_in(&gateway.hf.requests()).contains(&old),
            "{old} is dead"
        );
    }
    let (succeeded, failed) = load.end().await;
    assert_eq!(failed, 0, "of {}", succeeded + failed);
    assert!(succeeded > 300, "{succeeded}");
    for request in store.requests() {
        assert_eq!(request.header("x-vault-token"), Some("s.vault"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_value_triggers_one_early_poll_per_cooldown() {
    const COOLDOWN: Duration = Duration::from_secs(10);
    let store = service(VAULT_PATH, vault_answer("value-1")).await;
    // No scheduled poll is due before the test ends. Each worker polls separately, so one worker makes the count exact.
    let change = vault(&store, "1h", "1h");
    let gateway = Gateway::cold(testbed::entra::Entra::start().await.unwrap(), |config| {
        change(config).concurrency(1)
    });
    let gateway = gateway.await;
    gateway.hf.set_accepted(["value-1"]);
    let token = gateway.token(Persona::Ada);
    wait_until(
        "worker and main thread have keys and credential",
        || async {
            gateway.envoy.keys_got("contoso").await.unwrap_or_default() >= 2
                && stat(&gateway, "credential_fetches.hf-vault.good").await >= 2
        },
    )
    .await;
    assert_eq!(gateway.chat(&token).await.status(), 200);
    // If the request fails, the credential was rejected and the reply does not blame the caller.
    let succeeds = |response: Response| {
        if response.status() != 200 {
            assert_eq!(response.status(), 502);
            assert_eq!(header(&response, "x-error-code"), "credential_rejected");
            assert_eq!(header(&response, "www-authenticate"), "");
        }
        response.status() == 200
    };
    let polls = || store.requests().len();
    let before = polls();

    // The credential is revoked and the store has a new one: one request fails, the next one succeeds.
    store.on(VAULT_PATH, vault_answer("value-2"));
    gateway.hf.set_accepted(["value-2"]);
    let since = Instant::now();
    assert!(!succeeds(gateway.chat(&token).await));
    wait_until("the store is polled early", || async {
        stat(&gateway, "credential_fetches.hf-vault.good").await >= 3
    })
    .await;
    gateway.hf.take_requests();
    assert_eq!(gateway.chat(&token).await.status(), 200);
    let now = BTreeSet::from(["value-2".to_owned()]);
    assert_eq!(credentials_in(&gateway.hf.take_requests()), now);
    assert_eq!(polls(), before + 1);

    // The credential is rejected again: the store is not polled for each of these requests.
    store.on(VAULT_PATH, vault_answer("value-3"));
    gateway.hf.set_accepted(["value-3"]);
    let refused = AtomicUsize::new(0);
    wait_until("the third value is in use", || async {
        let succeeded = succeeds(gateway.chat(&token).await);
        refused.fetch_add(usize::from(!succeeded), Ordering::Relaxed);
        succeeded
    })
    .await;
    let elapsed = since.elapsed();
    assert!(elapsed >= COOLDOWN, "after {elapsed:?}");
    assert!(refused.into_inner() > 1);
    assert_eq!(polls(), before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_store_has_no_effect_until_max_stale() {
    let store = service(VAULT_PATH, vault_answer("value-1")).await;
    let gateway = Gateway::with(vault(&store, "1s", "4s")).await;
    gateway.hf.set_accepted(["value-1"]);
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    store.on(VAULT_PATH, Answer::bytes(503, ""));
    let failed = stat(&gateway, "credential_fetches.hf-vault.failed").await;
    wait_until("polls have failed", || async {
        stat(&gateway, "credential_fetches.hf-vault.failed").await >= failed + 3
    })
    .await;
    assert_eq!(
        gateway.chat(&token).await.status(),
        200,
        "the last valid value remains in use"
    );
    wait_until("the value is stale", || async {
        let response = gateway.chat(&token).await;
        header(&response, "x-error-code") == "credential_unavailable" && response.status() == 502
    })
    .await;
    let line = |line: &str| line.contains("credential hf-vault: the last valid value is older");
    gateway
        .envoy
        .wait_for_log(line, super::gateway::SOON)
        .await
        .unwrap();
    store.on(VAULT_PATH, Answer::bytes(200, "garbage"));
    assert_eq!(gateway.chat(&token).await.status(), 502);
    store.on(VAULT_PATH, vault_answer("value-1"));
    wait_until("the store has recovered", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
    store.on(VAULT_PATH, Answer::default().with(ResponseFault::Hang));
    wait_until(
        "the value is older than max_stale because the store hangs",
        || async { gateway.chat(&token).await.status() == 502 },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_vault_is_called_with_a_managed_identity_token() {
    const SECRET: &str = "/secrets/hf-token";
    let key_vault = service(
        SECRET,
        Answer::json(
            200,
            &json!({"value": "from-key-vault", "id": "https://v/secrets/hf-token/1", "attributes": {"enabled": true}}),
        ),
    )
    .await;
    let imds = Stub::start_plain().await.unwrap();
    imds.on(
        "/metadata/identity/oauth2/token",
        Answer::json(
            200,
            &json!({"access_token": "imds-token", "token_type": "Bearer", "expires_in": "86399",
                "expires_on": "1900000000", "resource": "https://vault.azure.net"}),
        ),
    );
    let http = json!({
        "cluster": "key-vault", "uri": format!("https://localhost{SECRET}?api-version=7.4"),
        "pointer": "/value",
        "auth": {"managed_identity": {"cluster": "imds", "resource": "https://vault.azure.net"}},
    });
    let change = credential("hf-key-vault", &key_vault, json!({"http": http}));
    let gateway =
        Gateway::with(|config| change(config).upstream("imds", imds.addr(), imds.is_tls())).await;
    gateway.hf.set_accepted(["from-key-vault"]);
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    let polls = key_vault.requests();
    assert!(!polls.is_empty());
    for request in polls {
        assert_eq!(request.path, format!("{SECRET}?api-version=7.4"));
        assert_eq!(request.header("authorization"), Some("Bearer imds-token"));
    }
}
