//! A stand-in for a transmitter of Shared Signals that delivers by polling (RFC 8936): it keeps SETs until they are
//! acknowledged or rejected, holds polls until there are events, and records every request that does not conform.

mod tokens;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State as Extract,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::{
    keys::{self, SigningKey},
    mint,
    server::{Server, lock},
    tls,
};
use tokens::Tokens;

/// The issuer of all SETs.
pub const ISSUER: &str = "https://idp.example.com/";
/// The audience of all SETs.
pub const AUDIENCE: &str = "https://gateway.example.com/";
/// The token that polls must present, unless the token endpoint has granted a token.
pub const TOKEN: &str = "poll-token";
/// The client of the token endpoint. Both texts must be escaped before they are joined (RFC 6749 §2.3.1).
pub const CLIENT: (&str, &str) = ("gateway:1", "s e/cret:%");

/// The codes that may be in `setErrs` (RFC 8935 §7.1).
const CODES: [&str; 6] = [
    "invalid_request",
    "invalid_key",
    "invalid_issuer",
    "invalid_audience",
    "authentication_failed",
    "access_denied",
];

/// A running transmitter. Clones share it.
#[derive(Clone)]
pub struct Transmitter {
    server: Arc<Server>,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    pending: BTreeMap<String, String>,
    sent: u32,
    acknowledged: Vec<String>,
    errors: BTreeMap<String, String>,
    keys: Vec<SigningKey>,
    polls: Vec<Value>,
    violations: Vec<String>,
    /// The answers to the next polls, instead of SETs.
    failures: Vec<(u16, Option<&'static str>)>,
    ignores_acknowledgements: bool,
    /// How long a poll is held without events.
    hold: Duration,
    key_fetches: u32,
    tokens: Tokens,
}

impl Transmitter {
    /// Starts with TLS.
    pub async fn start() -> io::Result<Transmitter> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                pending: BTreeMap::new(),
                sent: 0,
                acknowledged: Vec::new(),
                errors: BTreeMap::new(),
                keys: vec![keys::rsa()],
                polls: Vec::new(),
                violations: Vec::new(),
                failures: Vec::new(),
                ignores_acknowledgements: false,
                hold: Duration::from_secs(30),
                key_fetches: 0,
                tokens: Tokens::default(),
            }),
            changed: Notify::new(),
        });
        let app = Router::new()
            .route("/poll", post(poll))
            .route("/keys", get(jwks))
            .route("/token", post(tokens::grant))
            .with_state(shared.clone());
        let server = Server::start(app, Some(tls::ca().server_config(&["localhost"]))).await?;
        Ok(Transmitter {
            server: Arc::new(server),
            shared,
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The base address, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Sends an event of this type (without the prefix) about a subject, and returns the `jti` of its SET.
    pub fn send(&self, kind: &str, payload: Value, subject: Value) -> String {
        let uri = format!("https://schemas.openid.net/secevent/{kind}");
        let mut events = Map::new();
        events.insert(uri, payload);
        self.deliver(|claims| {
            claims["events"] = Value::Object(events);
            claims["sub_id"] = subject;
        })
    }

    /// Sends a SET with changed claims, and returns the `jti` under which it is delivered.
    pub fn deliver(&self, change: impl FnOnce(&mut Value)) -> String {
        let key = lock(&self.shared.state).keys[0].clone();
        self.deliver_signed(&key, key.kid(), "secevent+jwt", change)
    }

    /// The same with any key, `kid` and `typ`.
    pub fn deliver_signed(
        &self,
        key: &SigningKey,
        kid: &str,
        typ: &str,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let id = self.next_id();
        let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "iat": mint::now(), "jti": id});
        change(&mut claims);
        let header = json!({"typ": typ, "alg": key.algorithm().name(), "kid": kid});
        self.deliver_text(&id, &mint::mint(&header, &claims, key));
        id
    }

    /// Delivers any text as a SET.
    pub fn deliver_text(&self, id: &str, set: &str) {
        lock(&self.shared.state)
            .pending
            .insert(id.to_owned(), set.to_owned());
        self.shared.changed.notify_waiters();
    }

    pub fn next_id(&self) -> String {
        let mut state = lock(&self.shared.state);
        state.sent += 1;
        format!("set-{:05}", state.sent)
    }

    /// Replaces the keys. The first signs.
    pub fn set_keys(&self, keys: Vec<SigningKey>) {
        lock(&self.shared.state).keys = keys;
    }

    /// Answers the next polls with these statuses and values of `Retry-After`.
    pub fn fail(&self, failures: &[(u16, Option<&'static str>)]) {
        lock(&self.shared.state).failures = failures.to_vec();
    }

    /// Delivers SETs again although they are acknowledged.
    pub fn ignore_acknowledgements(&self, ignores: bool) {
        lock(&self.shared.state).ignores_acknowledgements = ignores;
    }

    /// Sets how long a poll is held without events.
    pub fn hold(&self, hold: Duration) {
        lock(&self.shared.state).hold = hold;
    }

    pub fn acknowledged(&self) -> Vec<String> {
        lock(&self.shared.state).acknowledged.clone()
    }

    /// The rejected SETs with their codes.
    pub fn errors(&self) -> BTreeMap<String, String> {
        lock(&self.shared.state).errors.clone()
    }

    /// The bodies of all polls so far.
    pub fn polls(&self) -> Vec<Value> {
        lock(&self.shared.state).polls.clone()
    }

    /// How often the keys were fetched.
    pub fn key_fetches(&self) -> u32 {
        lock(&self.shared.state).key_fetches
    }

    /// The fields of all requests for tokens that were granted.
    pub fn token_requests(&self) -> Vec<Value> {
        lock(&self.shared.state).tokens.requests.clone()
    }

    /// Sets the lifetime of the next tokens, in seconds.
    pub fn set_token_life(&self, secs: u32) {
        lock(&self.shared.state).tokens.life = secs;
    }

    /// Refuses all tokens that were granted so far.
    pub fn revoke_tokens(&self) {
        lock(&self.shared.state).tokens.valid.clear();
    }

    /// The requests that did not conform.
    pub fn violations(&self) -> Vec<String> {
        lock(&self.shared.state).violations.clone()
    }
}

async fn jwks(Extract(shared): Extract<Arc<Shared>>) -> Response {
    let keys: Vec<Value> = {
        let mut state = lock(&shared.state);
        state.key_fetches += 1;
        state.keys.iter().map(SigningKey::to_jwk).collect()
    };
    let body = json!({"keys": keys}).to_string();
    ([("content-type", "application/jwk-set+json")], body).into_response()
}

async fn poll(Extract(shared): Extract<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let failure = {
        let mut state = lock(&shared.state);
        (!state.failures.is_empty()).then(|| state.failures.remove(0))
    };
    if let Some((status, retry_after)) = failure {
        let mut response = Response::builder().status(status);
        if let Some(secs) = retry_after {
            response = response.header("retry-after", secs);
        }
        let response = response.body(Body::empty());
        return response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    let token = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let is_valid = |token: &str| {
        token == TOKEN
            || lock(&shared.state)
                .tokens
                .valid
                .iter()
                .any(|own| own == token)
    };
    if !token.is_some_and(is_valid) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let request = match read(&body, header("content-type"), header("content-language")) {
        Ok(request) => request,
        Err(text) => {
            lock(&shared.state).violations.push(text.clone());
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    let hold = lock(&shared.state).note(&request);
    let waits = !request["returnImmediately"].as_bool().unwrap_or(false);
    let most = request["maxEvents"].as_u64();
    let deadline = tokio::time::Instant::now() + hold;
    loop {
        let changed = shared.changed.notified();
        let (sets, has_more) = lock(&shared.state).batch(most);
        if !sets.is_empty() || !waits || tokio::time::Instant::now() >= deadline {
            let mut answer = json!({"sets": sets});
            if has_more {
                answer["moreAvailable"] = json!(true);
            }
            return ([("content-type", "application/json")], answer.to_string()).into_response();
        }
        let _ = tokio::time::timeout_at(deadline, changed).await;
    }
}

/// Checks a request against RFC 8936 §2.2 to §2.4.
fn read(body: &[u8], kind: Option<&str>, language: Option<&str>) -> Result<Value, String> {
    if kind != Some("application/json") {
        return Err(format!("content-type {kind:?}"));
    }
    let request: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let members = request.as_object().ok_or("not an object")?;
    for (name, value) in members {
        let conforms = match name.as_str() {
            "maxEvents" => value.as_u64().is_some(),
            "returnImmediately" => value.is_boolean(),
            "ack" => value
                .as_array()
                .is_some_and(|all| all.iter().all(Value::is_string)),
            "setErrs" => value.as_object().is_some_and(|all| {
                let is_error = |error: &Value| {
                    let code = error["err"].as_str().unwrap_or_default();
                    CODES.contains(&code) && error["description"].is_string()
                };
                language.is_some() && all.values().all(is_error)
            }),
            _ => false,
        };
        if !conforms {
            return Err(format!("{name}: {value}"));
        }
    }
    Ok(request)
}

impl State {
    /// Records what a poll reports. Returns how long the poll is held.
    fn note(&mut self, request: &Value) -> Duration {
        for id in request["ack"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !self.ignores_acknowledgements {
                self.pending.remove(id);
            }
            self.acknowledged.push(id.to_owned());
        }
        for (id, error) in request["setErrs"].as_object().into_iter().flatten() {
            self.pending.remove(id);
            let code = error["err"].as_str().unwrap_or_default();
            self.errors.insert(id.clone(), code.to_owned());
        }
        self.polls.push(request.clone());
        self.hold
    }

    fn batch(&self, most: Option<u64>) -> (Map<String, Value>, bool) {
        let most = most.map_or(usize::MAX, |most| {
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        let sets = self.pending.iter().take(most);
        let sets: Map<String, Value> = sets.map(|(id, set)| (id.clone(), json!(set))).collect();
        let has_more = sets.len() < self.pending.len();
        (sets, has_more)
    }
}
