//! Any other service that the gateway calls (a vault, a revocation feed, Microsoft Graph, Azure Monitor, Hugging Face's token
//! exchange): records requests and returns configured responses.

use std::{
    collections::HashMap,
    future, io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State as Extract},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use crate::{
    recorded::Recorded,
    server::{Abort, Server, lock},
    tls,
};

/// Larger than anything the gateway sends.
const MAX_BODY: usize = 16 << 20;

/// The response of a path.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub fault: ResponseFault,
}

/// A fault of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFault {
    #[default]
    None,
    /// The response is delayed.
    Delay(Duration),
    /// No response, and the connection stays open.
    Hang,
    /// The connection is closed instead.
    Reset,
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Answer {
        let content_type = ("content-type".to_owned(), "application/json".to_owned());
        Answer {
            status,
            headers: vec![content_type],
            body: body.to_string().into_bytes(),
            fault: ResponseFault::None,
        }
    }

    /// Any bytes, without a content type.
    pub fn bytes(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            body: body.into(),
            ..Answer::default()
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a fault.
    pub fn with(mut self, fault: ResponseFault) -> Answer {
        self.fault = fault;
        self
    }
}

/// A running stub. Clones share it; the server stops with the last one.
#[derive(Clone)]
pub struct Stub {
    server: Arc<Server>,
    state: Arc<State>,
}

type Answering = Arc<dyn Fn(&Recorded) -> Answer + Send + Sync>;

#[derive(Default)]
struct State {
    answers: Mutex<HashMap<String, Answering>>,
    recorded: Mutex<Vec<Recorded>>,
}

impl Stub {
    /// Starts without TLS on an ephemeral port of 127.0.0.1. Every path answers 404 until it is given another response.
    pub async fn start_plain() -> io::Result<Stub> {
        Stub::start_with(None).await
    }

    /// Starts with TLS and a certificate for these names.
    pub async fn start(names: &[&str]) -> io::Result<Stub> {
        Stub::start_with(Some(names)).await
    }

    async fn start_with(names: Option<&[&str]>) -> io::Result<Stub> {
        let state = Arc::new(State::default());
        let app = Router::new().fallback(handle).with_state(state.clone());
        let tls = names.map(|names| tls::ca().server_config(names));
        let server = Server::start(app, tls).await?;
        Ok(Stub {
            server: Arc::new(server),
            state,
        })
    }

    /// Sets the response of a path (without query, any method).
    pub fn on(&self, path: &str, answer: Answer) -> &Stub {
        self.answer(path, move |_| answer.clone())
    }

    /// The same, computed from the request.
    pub fn answer(
        &self,
        path: &str,
        answer: impl Fn(&Recorded) -> Answer + Send + Sync + 'static,
    ) -> &Stub {
        lock(&self.state.answers).insert(path.to_owned(), Arc::new(answer));
        self
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

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.recorded).clone()
    }

    /// Like [`Stub::requests`], and forgets them.
    pub fn take_requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut *lock(&self.state.recorded))
    }
}

async fn handle(Extract(state): Extract<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let recorded = Recorded::new(&parts, body);
    lock(&state.recorded).push(recorded.clone());
    let answering = lock(&state.answers).get(parts.uri.path()).cloned();
    let Some(answering) = answering else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let answer = answering(&recorded);
    match answer.fault {
        ResponseFault::None => {}
        ResponseFault::Delay(delay) => tokio::time::sleep(delay).await,
        ResponseFault::Hang => future::pending().await,
        ResponseFault::Reset => {
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(Abort);
            return response;
        }
    }
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Body::from(answer.body))
        .unwrap_or_else(|error| {
            let text = format!("the test's canned answer is not a valid response: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        })
}
