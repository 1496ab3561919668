//! One Envoy with the shipped `envoy.yaml`, and the requests that tests send to it.

use serde_json::{Value, json};
use std::time::Duration;
use testbed::client::client;
use testbed::entra::Entra;
use testbed::envoy::{Envoy, EnvoyConfig};
use testbed::hf::HuggingFace;
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::reqwest::{Client, Method, RequestBuilder, Response};

/// A timeout that no successful test reaches.
pub const SOON: Duration = Duration::from_secs(20);
/// How long requests wait for keys and the like, unless a test changes it. On a busy machine a fetch can take longer than
/// the default of two seconds.
const WAIT: &str = "10s";

pub struct Gateway {
    pub envoy: Envoy,
    pub entra: Entra,
    pub hf: HuggingFace,
    pub client: Client,
}

impl Gateway {
    /// Starts a gateway in the way that `make run` does.
    pub async fn start() -> Self {
        Self::with(|config| config).await
    }

    /// Starts a gateway with changes, and waits until all workers have keys.
    pub async fn with(change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Self {
        let gateway = Self::cold(Entra::start().await.unwrap(), change).await;
        gateway.wait_for_keys().await;
        gateway
    }

    /// Starts a gateway in front of an Entra stand-in that may not answer; the workers may not have keys yet.
    pub async fn cold(entra: Entra, change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Self {
        let hf = HuggingFace::start().await.unwrap();
        let config = EnvoyConfig::gateway(&entra, &hf).unwrap();
        let config =
            change(config.change_policy(|policy| policy["wait"] = json!({"timeout": WAIT})));
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

    /// Waits for both workers and the main thread.
    async fn wait_for_keys(&self) {
        self.wait_for_vms_with_keys(3).await;
    }

    /// Waits until `vms` VMs have keys. Every worker has a VM, and so does the main thread.
    pub async fn wait_for_vms_with_keys(&self, vms: u64) {
        let have_keys =
            || async { self.envoy.keys_got("contoso").await.unwrap_or_default() >= vms };
        wait_until("every VM has keys", have_keys).await;
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.envoy.url()))
    }

    /// Sends a gRPC call with the token, over HTTP/2.
    pub async fn grpc(&self, token: &str) -> Response {
        let url = format!("{}/v1/service/Method", self.envoy.url());
        let request = http2().post(url).bearer_auth(token);
        let request = request.header("content-type", "application/grpc");
        request.body(vec![0; 5]).send().await.unwrap()
    }

    /// Sends a chat request with the token.
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

/// Returns a header of a response, or an empty string if it is absent.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Waits until the condition is true.
pub async fn wait_until<F: Future<Output = bool>>(goal: &str, condition: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !condition().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "timed out waiting until {goal}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
