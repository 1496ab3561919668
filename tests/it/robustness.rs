//! Random and mutated bytes cause neither a panic nor an unjustified permit.

use crate::random;
use crate::support;

use entragate::fetch::callout::Answer;
use entragate::gate::Step;
use entragate::http::headers::Headers;
use entragate::http::path::normalize;
use entragate::keys::keyset::KeySet;
use entragate::token::jws::Unverified;
use random::Random;
use serde_json::json;
use support::*;
use testbed::keys;

impl Random {
    /// Changes, inserts, removes or repeats a few bytes.
    fn mutate(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = self.next() as u8,
                1 => bytes.insert(at, b"\".,{}[]:=\0\xff"[self.below(11)]),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => bytes.truncate(at),
                _ => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let piece = bytes[at.min(end)..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    }
}

#[test]
fn mutated_token_is_denied_or_equivalent() {
    let mut random = Random(1);
    let mut bench = Bench::warm(&settings());
    let token = ada().build();
    let original = format!("Bearer {token}");
    for _ in 0..4000 {
        let value = random.mutate(original.as_bytes());
        let mut headers = Headers::from_iter([(":method", "POST"), (":path", "/v1/x")]);
        headers.push(b"authorization", &value);
        let (id, ruling) = bench.send_headers(headers);
        if let Step::Forward(_) = ruling.step {
            let sent = String::from_utf8(value).unwrap();
            let sent = sent.trim();
            assert!(
                sent.len() > 7 && sent[..6].eq_ignore_ascii_case("bearer"),
                "{sent}"
            );
            assert_eq!(sent[6..].trim(), token);
        }
        bench.gate.finish(id, None, bench.now);
        while !bench.calls.is_empty() {
            bench.answer(jwks(&[&keys::rsa()]));
        }
        bench.resume_woken();
    }
}

#[test]
fn random_headers_are_never_permitted() {
    let mut random = Random(2);
    let mut bench = Bench::warm(&settings());
    let names: [&[u8]; 8] = [
        b":path",
        b":method",
        b":authority",
        b"authorization",
        b"traceparent",
        b"x-request-id",
        b"content-type",
        b"\xff\x00",
    ];
    for _ in 0..4000 {
        let mut headers = Headers::default();
        for _ in 0..random.below(10) {
            let value = random.bytes(60);
            headers.push(names[random.below(names.len())], &value);
        }
        let (id, ruling) = bench.send_headers(headers);
        assert!(matches!(ruling.step, Step::Reply(_)));
        bench.gate.finish(id, None, bench.now);
    }
}

#[test]
fn arbitrary_token_segments_cause_no_panic() {
    let mut random = Random(3);
    let types = ["jwt".to_owned()];
    let token = ada().build();
    for _ in 0..20_000 {
        if let Ok(text) = String::from_utf8(random.mutate(token.as_bytes())) {
            let _ = Unverified::parse(&text, &types, &mut Vec::new());
        }
        if let Ok(text) = String::from_utf8(random.bytes(80)) {
            let _ = Unverified::parse(&text, &types, &mut Vec::new());
            let _ = normalize(&text);
        }
    }
}

#[test]
fn mutated_key_sets_cause_no_panic() {
    let mut random = Random(4);
    let keys: Vec<_> = testbed::keys::Algorithm::ALL
        .into_iter()
        .map(|algorithm| {
            let mut jwk = keys::cached(algorithm).to_jwk();
            jwk["alg"] = json!(algorithm.name());
            jwk
        })
        .collect();
    let text = json!({ "keys": keys }).to_string();
    assert_eq!(KeySet::from_json(text.as_bytes()).unwrap().len(), 9);
    for _ in 0..5000 {
        let _ = KeySet::from_json(&random.mutate(text.as_bytes()));
    }
}

#[test]
fn mutated_key_set_does_not_break_the_gate() {
    let mut random = Random(5);
    let Answer::Response { body, .. } = jwks(&[&keys::rsa()]) else {
        panic!()
    };
    for _ in 0..150 {
        let mut bench = Bench::cold(&settings());
        bench.answer(Answer::Response {
            status: 200,
            body: random.mutate(&body),
        });
        let _ = bench.code(&ada().build());
    }
}
