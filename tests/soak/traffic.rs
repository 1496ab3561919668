//! Requests of the soak test and the expected outcome of each.

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

/// A kind of request.
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
    /// Of people of the realm, each another.
    tokens: Vec<String>,
    /// Ada's, by the key that signs now and by those before it.
    adas: Mutex<Vec<String>>,
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
            adas: Mutex::new(vec![gateway.token(Persona::Ada)]),
            expired: gateway.token(Persona::Expired),
            counts: Mutex::default(),
            wrong: Mutex::default(),
            next: AtomicUsize::new(0),
        }
    }

    pub fn identities(&self) -> usize {
        self.tokens.len()
    }

    /// A new key signs; the older ones stay published. Made keys are kept, so there are few.
    pub fn rotate(&self, gateway: &Gateway) {
        let mut adas = self.adas.lock().unwrap();
        if adas.len() < 8 {
            gateway.entra.rotate();
        }
        adas.push(gateway.token(Persona::Ada));
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
            if let Err(what) = self.ask(gateway, kind, turn).await {
                self.wrong.lock().unwrap().push(format!("{kind}: {what}"));
            }
            *self.counts.lock().unwrap().entry(kind).or_default() += 1;
            if turn.is_multiple_of(500) {
                gateway.hf.take_requests();
            }
        }
    }

    async fn ask(&self, gateway: &Gateway, kind: &'static str, turn: usize) -> Result<(), String> {
        match kind {
            "identity" => {
                let token = &self.tokens[self.next.fetch_add(1, Ordering::Relaxed) % IDENTITIES];
                expect(gateway.chat(token).await, 200, "").await.map(drop)
            }
            "ada" => {
                let adas = self.adas.lock().unwrap().clone();
                let (newest, older) = (adas.len() - 1, turn % adas.len());
                // This worker can still be in its cooldown for the newest key; its token is then denied with that code.
                let response = gateway.chat(&adas[older]).await;
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
                    .ok_or(format!("a torn stream: {text}"))
            }
            "nora" => {
                let response = gateway.chat(&gateway.token(Persona::Nora)).await;
                // As above, where the key is new to this worker.
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

/// The body of an answer with that status and code.
async fn expect(response: Response, status: u16, code: &str) -> Result<String, String> {
    let found = (
        response.status().as_u16(),
        header(&response, "x-error-code").to_owned(),
    );
    let text = response.text().await.map_err(|error| error.to_string())?;
    match found == (status, code.to_owned()) {
        true => Ok(text),
        false => Err(format!("{found:?} instead of {status} {code}: {text:.200}")),
    }
}
