//! The core, measured natively and without a host: `cargo bench -p bench`. This measures our own work on a request; in wasm, it
//! takes about one and a half times as long, and host calls are added.

use std::{cell::Cell, time::Duration};

use divan::Bencher;
use entragate::{
    config,
    fetch::callout::Answer,
    gate::{Connection, Gate, StreamId},
    http::headers::Headers,
    time::Timestamp,
    token::signature::Portable,
};
use serde_json::{Value, json};
use strict_host::traffic;
use testbed::{
    keys, mint,
    mint::Token,
    persona::{AUDIENCE, Persona, TENANT, issuer_v2},
};

fn main() {
    keys::rsa();
    divan::main();
}

/// A gate that has its keys, and the current time.
struct Warm {
    gate: Gate,
    now: Timestamp,
    next: Cell<StreamId>,
}

fn rules(count: usize) -> Value {
    let rule = |index: usize| {
        let role = if index + 1 == count {
            "Model.Query".to_owned()
        } else {
            format!("Team{index}.Query")
        };
        json!({"name": format!("rule-{index}"), "match": {"methods": ["POST"], "paths": ["/v1/**"]},
               "require": {"role": role}, "credential": "hf-read"})
    };
    (0..count).map(rule).collect()
}

impl Warm {
    fn new(rules: Value, ttl: &str) -> Warm {
        let settings = json!({
            "issuers": [{"name": "contoso", "entra": {"tenants": [TENANT]}, "audiences": [AUDIENCE],
                         "jwks": {"cluster": "entra"}}],
            "credentials": [{"name": "hf-read", "value": "credential-of-the-benchmark"}],
            "rules": rules,
            "cache": {"ttl": ttl},
            "forward": {"identity_headers": {"x-entra-oid": "oid", "x-entra-app": "client"}},
        });
        let config = config::load(settings.to_string().as_bytes(), &|_| None);
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
        let now = Timestamp::from_secs(mint::now());
        let mut gate = Gate::new(config, now);
        gate.tick(now);
        let issuer = issuer_v2(TENANT);
        let key = keys::rsa().to_entra_jwk("microsoftonline.com", Some(&issuer));
        let body = json!({"keys": [key]}).to_string().into_bytes();
        for call in gate.take_calls() {
            let answer = Answer::Response {
                status: 200,
                body: body.clone(),
            };
            gate.answered(call.call_id, answer, now);
        }
        gate.take_notices();
        let next = Cell::new(1);
        Warm { gate, now, next }
    }

    /// A request from its headers to the end of its response.
    fn pass(&mut self, headers: Headers) {
        let id = self.next.get();
        self.next.set(id + 1);
        let stripped = self.gate.strip_credentials(&headers);
        let connection = Connection::default();
        let ruling = self
            .gate
            .begin(id, headers, connection, self.now, &Portable);
        divan::black_box((stripped, ruling));
        let later = self.now.plus(Duration::from_millis(20));
        self.gate.finish(id, Some(200), later);
        divan::black_box(self.gate.take_notices());
    }
}

fn headers(token: &str) -> Headers {
    let authorization = format!("Bearer {token}");
    Headers::from_iter(traffic::headers(Some(&authorization)))
}

fn token(persona: Persona) -> String {
    Token::of(persona).signed_by(&keys::rsa()).build()
}

#[divan::bench(args = [1, 10, 1000])]
fn warm_permit(bencher: Bencher, count: usize) {
    let mut warm = Warm::new(rules(count), "1h");
    let token = token(Persona::Ada);
    bencher
        .with_inputs(|| headers(&token))
        .bench_local_values(|headers| warm.pass(headers));
}

#[divan::bench(args = [1, 10, 1000])]
fn warm_denial(bencher: Bencher, count: usize) {
    let mut warm = Warm::new(rules(count), "1h");
    let token = token(Persona::Nora);
    bencher
        .with_inputs(|| headers(&token))
        .bench_local_values(|headers| warm.pass(headers));
}

/// The signature is verified by jwt-simple.
#[divan::bench]
fn cold_permit(bencher: Bencher) {
    let mut warm = Warm::new(rules(1), "0s");
    let token = token(Persona::Ada);
    bencher
        .with_inputs(|| headers(&token))
        .bench_local_values(|headers| warm.pass(headers));
}
