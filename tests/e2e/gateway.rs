//! One Envoy with the shipped `envoy.yaml`, and the requests that tests make to it.

use serde_json::{Value, json};
use std::time::Duration;
use testbed::client::client;
use testbed::entra::Entra;
use testbed::envoy::{Envoy, EnvoyConfig};
use testbed::hf::HuggingFace;
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::reqwest::{Client, Method, RequestBuilder, Response};

/// Longer than anything here takes, shorter than anyone's patience.
pub const SOON: Duration = Duration::from_secs(20);

pub struct Gateway {
    pub envoy: Envoy,
    pub entra: Entra,
    pub hf: HuggingFace,
    pub client: Client,
}

impl Gateway {
    /// As `make run` starts it.
    pub async fn start() -> Self {
        Self::with(|config| config).await
    }

    /// The same with changes, after all workers have keys.
    pub async fn with(change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Self {
        let gateway = Self::cold(Entra::start().await.unwrap(), change).await;
        gateway.wait_for_keys().await;
        gateway
    }

    /// In front of an Entra that may not answer; the workers may hold no keys yet.
    pub async fn cold(entra: Entra, change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Self {
        let hf = HuggingFace::start().await.unwrap();
        let config = change(EnvoyConfig::gateway(&entra, &hf).unwrap());
        let envoy = Envoy::start(config)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            envoy,
            entra,
            hf,
            client: client(),
        }
    }

    /// Both workers and the main thread.
    async fn wait_for_keys(&self) {
        self.wait_for_vms_with_keys(3).await;
    }

    /// Every worker has a VM, and so has the main thread.
    pub async fn wait_for_vms_with_keys(&self, vms: u64) {
        let got = || async { self.envoy.keys_got("contoso").await.unwrap_or_default() >= vms };
        wait_until("every VM has keys", got).await;
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.envoy.url()))
    }

    /// A chat request with that Authorization token.
    pub async fn chat(&self, token: &str) -> Response {
        self.chat_builder(token).send().await.unwrap()
    }

    pub fn chat_builder(&self, token: &str) -> RequestBuilder {
        self.request(Method::POST, "/v1/chat/completions")
            .bearer_auth(token)
            .json(&chat())
    }

    pub fn token(&self, persona: Persona) -> String {
        self.entra.token(persona)
    }

    pub fn mint(&self, token: Token) -> String {
        self.entra.sign(token)
    }
}

/// A client that speaks HTTP/2 from the first byte.
pub fn http2() -> Client {
    Client::builder()
        .tls_backend_preconfigured(testbed::tls::ca().client_config())
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap()
}

pub fn chat() -> Value {
    json!({"model": "org/model", "messages": [{"role": "user", "content": "Say hello."}]})
}

/// A header of a response, empty when absent.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Evaluates the condition until it is true.
pub async fn wait_until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !condition().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
