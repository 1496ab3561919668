//! The requests of the soak test and their expected outcomes.

use super::gateway::{Gateway, chat, header};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use testbed::keys::{self, Algorithm};
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::reqwest::{Method, Response};

const IDENTITIES: usize = 50_000;

/// The kinds of requests, in the order in which they are sent; repeated kinds are more frequent.
const KINDS: [&str; 10] = [
    "identity",
    "identity",
    "identity",
    "ada",
    "stream",
    "nora",
    "forged",
    "expired",
    "unknown kid",
    "health",
];

pub struct Traffic {
    /// Tokens of distinct people in the realm.
    tokens: Vec<String>,
    /// Ada's tokens, signed with the current key and with earlier ones.
    tokens_of_ada: Mutex<Vec<String>>,
    expired: String,
    counts: Mutex<BTreeMap<&'static str, usize>>,
    wrong: Mutex<Vec<String>>,
    next: AtomicUsize,
}

impl Traffic {
    pub fn new(gateway: &Gateway) -> Self {
        let key = keys::cached(Algorithm::Es256);
        let token = |n: usize| {
            Token::of(Persona::Kim)
                .claim("sub", format!("person-{n}"))
                .claim("exp", testbed::mint::now() + 86_400)
                .claim("realm_access", json!({"roles": ["Model.Query"]}))
                .signed_by(&key)
                .build()
        };
        Self {
            tokens: (0..IDENTITIES).map(token).collect(),
            tokens_of_ada: Mutex::new(vec![gateway.token(Persona::Ada)]),
            expired: gateway.token(Persona::Expired),
            counts: Mutex::default(),
            wrong: Mutex::default(),
            next: AtomicUsize::new(0),
        }
    }

    pub fn identities(&self) -> usize {
        self.tokens.len()
    }

    /// Signs with a new key; the earlier keys stay published. The number of keys is limited, since the stand-in keeps them all.
    pub fn rotate(&self, gateway: &Gateway) {
        let mut tokens_of_ada = self.tokens_of_ada.lock().unwrap();
        if tokens_of_ada.len() < 8 {
            gateway.entra.rotate();
        }
        tokens_of_ada.push(gateway.token(Persona::Ada));
    }

    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    pub fn report(&self, length: Duration) {
        let counts = self.counts.lock().unwrap();
        let all: usize = counts.values().sum();
        println!(
            "soak: {all} requests ({:.0}/s): {counts:?}",
            all as f64 / length.as_secs_f64()
        );
        println!("soak: {} wrong decisions", self.wrong.lock().unwrap().len());
    }

    pub async fn run(&self, gateway: &Gateway, caller: usize, end: Instant) {
        let mut turn = caller;
        while Instant::now() < end {
            let kind = KINDS[turn % KINDS.len()];
            turn += 1;
            if let Err(error) = self.send(gateway, kind, turn).await {
                self.wrong.lock().unwrap().push(format!("{kind}: {error}"));
            }
            *self.counts.lock().unwrap().entry(kind).or_default() += 1;
            if turn.is_multiple_of(500) {
                gateway.hf.take_requests();
            }
        }
    }

    async fn send(&self, gateway: &Gateway, kind: &'static str, turn: usize) -> Result<(), String> {
        match kind {
            "identity" => {
                let token = &self.tokens[self.next.fetch_add(1, Ordering::Relaxed) % IDENTITIES];
                expect(gateway.chat(token).await, 200, "").await.map(drop)
            }
            "ada" => {
                let tokens_of_ada = self.tokens_of_ada.lock().unwrap().clone();
                let (newest, older) = (tokens_of_ada.len() - 1, turn % tokens_of_ada.len());
                // The worker can still be in its cooldown for the newest key; it then denies the token with that code.
                let response = gateway.chat(&tokens_of_ada[older]).await;
                match header(&response, "x-error-code") {
                    "key_unknown" if older + 1 >= newest => Ok(()),
                    _ => expect(response, 200, "").await.map(drop),
                }
            }
            "stream" => {
                let mut body = chat();
                body["stream"] = json!(true);
                let token = &self.tokens[turn % IDENTITIES];
                let response = gateway
                    .chat_builder(token)
                    .json(&body)
                    .send()
                    .await
                    .unwrap();
                let text = expect(response, 200, "").await?;
                text.contains("[DONE]")
                    .then_some(())
                    .ok_or(format!("an incomplete stream: {text}"))
            }
            "nora" => {
                let response = gateway.chat(&gateway.token(Persona::Nora)).await;
                // As above, if the key is new to this worker.
                match header(&response, "x-error-code") {
                    "key_unknown" => Ok(()),
                    _ => expect(response, 403, "rule_unsatisfied").await.map(drop),
                }
            }
            "forged" => {
                let token = &self.tokens[turn % IDENTITIES];
                let (rest, signature) = token.rsplit_once('.').unwrap();
                let first = if signature.starts_with('B') { 'C' } else { 'B' };
                let forged = format!("{rest}.{first}{}", &signature[1..]);
                expect(gateway.chat(&forged).await, 401, "signature_invalid")
                    .await
                    .map(drop)
            }
            "expired" => expect(gateway.chat(&self.expired).await, 401, "token_expired")
                .await
                .map(drop),
            "unknown kid" => {
                let token = &self.tokens[turn % IDENTITIES];
                let header = Token::of(Persona::Kim)
                    .header("alg", "ES256")
                    .header("kid", format!("kid-{turn}"));
                let header = base64_of(&header.header_value());
                let token = format!("{header}.{}", token.split_once('.').unwrap().1);
                expect(gateway.chat(&token).await, 401, "key_unknown")
                    .await
                    .map(drop)
            }
            _ => {
                let response = gateway
                    .request(Method::GET, "/health")
                    .send()
                    .await
                    .unwrap();
                expect(response, 200, "").await.map(drop)
            }
        }
    }
}

fn base64_of(value: &serde_json::Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Returns the body of a response that must have this status and code.
async fn expect(response: Response, status: u16, code: &str) -> Result<String, String> {
    let found = (
        response.status().as_u16(),
        header(&response, "x-error-code").to_owned(),
    );
    let text = response.text().await.map_err(|error| error.to_string())?;
    if found == (status, code.to_owned()) {
        Ok(text)
    } else {
        Err(format!(
            "expected {status} {code}, found {found:?}: {text:.200}"
        ))
    }
}
