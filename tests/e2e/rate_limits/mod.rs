//! The rate limits of deploy/ratelimit with a real rate limit service and a real Redis.

mod budgets;
mod clients;
mod outage;
mod tokens;

use super::docs;
use super::gateway::wait_until;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use strict_host::traffic;
use testbed::client::client;
use testbed::entra::Entra;
use testbed::envoy::{Envoy, EnvoyConfig};
use testbed::hf::{HuggingFace, MODELS};
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::rate_limits::RateLimits;
use testbed::reqwest::{Client, Response};
use tokio::task::JoinSet;

/// The limits as Redis stores them: the keys of their descriptors.
const BY_OID: &str = "entragate/oid";
const BY_MODEL: &str = "entragate/oid/model";
const BY_APP: &str = "entragate/app";
const TOKENS: &str = "entragate/budget=tokens/oid";
const APP_TOKENS: &str = "entragate/budget=app-tokens/app";

/// Gateways that share one rate limit service.
struct Fleet {
    entra: Entra,
    hf: HuggingFace,
    limits: RateLimits,
    gateways: Vec<Envoy>,
    client: Client,
}

/// Returns limits.yaml with the numbers of `changes`, by name. All other limits are so high that they refuse nothing. All windows are
/// a day, so that none ends during a test.
fn limits(changes: &[(&str, u32)]) -> Value {
    let mut limits = docs::yaml(&docs::read("deploy/ratelimit/limits.yaml"));
    set(&mut limits["descriptors"], changes);
    limits
}

fn set(descriptors: &mut Value, changes: &[(&str, u32)]) {
    for descriptor in descriptors.as_array_mut().into_iter().flatten() {
        if let Some(limit) = descriptor.get_mut("rate_limit") {
            let change = changes.iter().find(|(name, _)| limit["name"] == *name);
            limit["unit"] = json!("day");
            limit["requests_per_unit"] = json!(change.map_or(1_000_000_000, |(_, number)| *number));
        }
        if let Some(nested) = descriptor.get_mut("descriptors") {
            set(nested, changes);
        }
    }
}

impl Fleet {
    /// Starts the gateways with the shipped configuration and changes, and waits until they have keys.
    async fn start(
        limits: &Value,
        gateways: usize,
        change: impl Fn(EnvoyConfig) -> EnvoyConfig,
    ) -> Arc<Fleet> {
        let entra = Entra::start().await.unwrap();
        let hf = HuggingFace::start().await.unwrap();
        let limits = RateLimits::start(limits).await.unwrap();
        let mut fleet = Fleet {
            entra,
            hf,
            limits,
            gateways: Vec::new(),
            client: client(),
        };
        for _ in 0..gateways {
            let config = change(fleet.config());
            fleet.gateways.push(Envoy::start(config).await.unwrap());
        }
        for envoy in &fleet.gateways {
            let have_keys = || async { envoy.keys_got("contoso").await.unwrap_or_default() >= 3 };
            wait_until("every VM has keys", have_keys).await;
        }
        Arc::new(fleet)
    }

    fn config(&self) -> EnvoyConfig {
        EnvoyConfig::from_yaml(&docs::read("deploy/ratelimit/envoy.yaml"))
            .unwrap()
            .upstream("entra", self.entra.addr(), self.entra.is_tls())
            .upstream("huggingface", self.hf.addr(), self.hf.is_tls())
            .upstream("ratelimit", self.limits.addr(), false)
            .environment("HF_TOKEN_READ", &self.hf.token())
    }

    /// Sends a request of a caller through a gateway.
    async fn post(&self, gateway: usize, caller: usize, path: &str, body: &Value) -> Response {
        let gateway = &self.gateways[gateway % self.gateways.len()];
        let request = self.client.post(format!("{}{path}", gateway.url()));
        let request = request.bearer_auth(self.entra.sign(identity(caller)));
        request.json(body).send().await.unwrap()
    }

    /// Sends a chat request and returns its status.
    async fn chat(&self, gateway: usize, caller: usize) -> u16 {
        let response = self
            .post(gateway, caller, "/v1/chat/completions", &chat(MODELS[0]))
            .await;
        let status = response.status().as_u16();
        response.bytes().await.unwrap();
        status
    }

    /// Waits until no request, and no call of the rate limit service, is under way.
    async fn becomes_idle(&self) {
        for envoy in &self.gateways {
            assert!(envoy.becomes_idle().await);
            let no_call = || async {
                envoy
                    .stat("cluster.ratelimit.upstream_rq_active")
                    .await
                    .unwrap()
                    == 0
            };
            wait_until("the calls of the service have ended", no_call).await;
        }
    }

    fn used(&self, limit: &str, values: &[&str]) -> u64 {
        self.limits.used(limit, values).unwrap()
    }

    /// Returns a counter of Envoy's rate limit filter, summed over the gateways.
    async fn counted(&self, counter: &str) -> u64 {
        let mut sum = 0;
        for envoy in &self.gateways {
            sum += envoy
                .stat(&format!("cluster.huggingface.ratelimit.{counter}"))
                .await
                .unwrap();
        }
        sum
    }
}

/// Calls `ask` with each number below `count`, up to `at_once` calls at a time, and returns the results.
async fn concurrently<T, F>(
    count: usize,
    at_once: usize,
    ask: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (next, ask) = (Arc::clone(&next), ask.clone());
        tasks.spawn(async move {
            let mut results = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return results;
                }
                results.push(ask(number).await);
            }
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// The time that a machine under load may take for a call of the service; with the shipped 250 ms, requests would be refused.
fn patient(config: EnvoyConfig) -> EnvoyConfig {
    rate_limit_filter(config, |filter| filter["timeout"] = json!("10s"))
}

fn rate_limit_filter(config: EnvoyConfig, change: impl FnOnce(&mut Value)) -> EnvoyConfig {
    config.connection_manager(|manager| {
        let filters = manager["http_filters"].as_array_mut().unwrap();
        let is_rate_limit = |filter: &&mut Value| filter["name"] == "envoy.filters.http.ratelimit";
        change(&mut filters.iter_mut().find(is_rate_limit).unwrap()["typed_config"]);
    })
}

/// A caller's token, by number.
fn identity(number: usize) -> Token {
    Token::of(Persona::Ada).claim("oid", oid(number))
}

fn oid(number: usize) -> String {
    traffic::oid(number.try_into().unwrap())
}

/// The app of all callers.
fn app() -> String {
    identity(0).claims_value()["azp"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Say hello."}]})
}
