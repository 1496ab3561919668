//! A stand-in for a Hugging Face Inference Endpoint (and for the providers router's main routes).
//!
//! It accepts only the configured credentials, responds deterministically with usage numbers, and records every
//! request as it arrived, so that a test can check what the gateway sent.

mod answers;
mod openai;
mod routes;
mod stream;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng as _, distributions::Alphanumeric};

use crate::{
    recorded::Recorded,
    server::{Server, lock},
    tls,
};

/// The dedicated endpoint's host name, as in the top-level `envoy.yaml`.
pub const ENDPOINT_HOST: &str = "q8x1f0example.us-east-1.aws.endpoints.huggingface.cloud";

/// The names in the stand-in's certificate.
pub const HOSTS: [&str; 5] = [
    "*.us-east-1.aws.endpoints.huggingface.cloud",
    "router.huggingface.co",
    "huggingface.co",
    "localhost",
    "127.0.0.1",
];

/// The models the stand-in lists; the first is the endpoint's own.
pub const MODELS: [&str; 4] = [
    "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama/Llama-3.3-70B-Instruct",
    "Qwen/Qwen3-32B",
    "BAAI/bge-m3",
];

/// How the stand-in answers from now on. Requests are recorded in every mode.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// Like the real service.
    #[default]
    Normal,
    /// This response to every request.
    Fixed {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// This status and headers, and a body that never ends.
    Endless {
        status: u16,
        headers: Vec<(String, String)>,
    },
    /// This status and the beginning of a body that is never completed.
    Stalled { status: u16, body: String },
    /// Like the real service, with a delay.
    Delay(Duration),
    /// Like the real service, with this time between two events of a stream.
    Paced(Duration),
    /// No answer, and the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    Reset,
    /// The answer's body begins, then the connection breaks.
    ResetMidBody,
    /// A stream starts with 200, then sends `data: {"error": …}`.
    StreamError,
}

impl Mode {
    /// A fixed JSON answer.
    pub fn json(status: u16, body: &serde_json::Value) -> Mode {
        Mode::Fixed {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.to_string(),
        }
    }

    /// The 401 of an unknown credential, in the words of Hugging Face.
    pub fn unauthorized() -> Mode {
        Mode::json(401, &answers::unauthorized())
    }

    /// The 403 of a credential without permission; it names the Hugging Face user.
    pub fn forbidden() -> Mode {
        Mode::json(403, &answers::forbidden())
    }

    /// The 400 of a paused endpoint.
    pub fn paused() -> Mode {
        Mode::Fixed {
            status: 400,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: "Bad Request: Invalid state".into(),
        }
    }

    /// The 503 of an endpoint scaled to zero.
    pub fn scaled_to_zero() -> Mode {
        Mode::Fixed {
            status: 503,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: "Service Unavailable".into(),
        }
    }
}

/// A running stand-in. Clones share it; the server stops with the last one.
#[derive(Clone)]
pub struct HuggingFace {
    server: Arc<Server>,
    state: Arc<State>,
}

/// The usage of one response: the words of the input and of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    pub prompt_tokens: usize,
    /// 0 for embeddings.
    pub completion_tokens: usize,
}

struct State {
    accepted: Mutex<Vec<String>>,
    bills: Mutex<Vec<Bill>>,
    recorded: Mutex<Vec<Recorded>>,
    mode: Mutex<Mode>,
}

impl HuggingFace {
    /// Starts on an ephemeral port of 127.0.0.1, with TLS, and with one fresh credential.
    pub async fn start() -> io::Result<HuggingFace> {
        HuggingFace::start_with(true).await
    }

    /// Starts without TLS.
    pub async fn start_plain() -> io::Result<HuggingFace> {
        HuggingFace::start_with(false).await
    }

    async fn start_with(tls: bool) -> io::Result<HuggingFace> {
        let state = Arc::new(State {
            accepted: Mutex::new(vec![random_token()]),
            bills: Mutex::default(),
            recorded: Mutex::default(),
            mode: Mutex::default(),
        });
        let tls = tls.then(|| tls::ca().server_config(&HOSTS));
        let server = Server::start(routes::router(state.clone()), tls).await?;
        Ok(HuggingFace {
            server: Arc::new(server),
            state,
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub fn is_tls(&self) -> bool {
        self.server.is_tls()
    }

    /// The base address for direct calls, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The first credential that is accepted; an empty text if there is none.
    pub fn token(&self) -> String {
        lock(&self.state.accepted)
            .first()
            .cloned()
            .unwrap_or_default()
    }

    /// Replaces the set of accepted credentials.
    pub fn set_accepted<T: Into<String>>(&self, tokens: impl IntoIterator<Item = T>) {
        *lock(&self.state.accepted) = tokens.into_iter().map(Into::into).collect();
    }

    /// Accepts one more credential.
    pub fn accept(&self, token: impl Into<String>) {
        lock(&self.state.accepted).push(token.into());
    }

    pub fn set_mode(&self, mode: Mode) {
        *lock(&self.state.mode) = mode;
    }

    /// The usage so far, in order; a stream counts when it starts.
    pub fn bills(&self) -> Vec<Bill> {
        lock(&self.state.bills).clone()
    }

    /// Every request so far, refused ones included, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.recorded).clone()
    }

    /// Like [`HuggingFace::requests`], and forgets them.
    pub fn take_requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut *lock(&self.state.recorded))
    }
}

/// A token of Hugging Face's form: `hf_` and 34 alphanumerics.
pub fn random_token() -> String {
    let random: String = rand::thread_rng()
        .sample_iter(Alphanumeric)
        .take(34)
        .map(char::from)
        .collect();
    format!("hf_{random}")
}

impl State {
    fn record(&self, request: Recorded) {
        lock(&self.recorded).push(request);
    }

    fn bill(&self, bill: Bill) {
        lock(&self.bills).push(bill);
    }

    fn mode(&self) -> Mode {
        lock(&self.mode).clone()
    }

    fn accepts(&self, token: &str) -> bool {
        lock(&self.accepted)
            .iter()
            .any(|accepted| accepted == token)
    }
}
