//! The filter's linear memory contains no secret after the secret was last used. The real .wasm runs in the strict host, whose
//! memory can be read; copies in a real host are not covered.

use serde_json::{Value, json};
use std::time::Duration;
use strict_host::{Answer, Fate, Host, Rules, Settings, field};
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::{AUDIENCE, Persona, TENANT, issuer_v2};

const PATH: &str = "/v1/chat/completions";

fn settings() -> Value {
    json!({
        "issuers": [{
            "name": "contoso",
            "entra": {"tenants": [TENANT]},
            "audiences": [AUDIENCE],
            "jwks": {"cluster": "entra"},
        }],
        "credentials": [{"name": "hf-vault", "http": {
            "cluster": "vault", "uri": "https://vault.contoso.com/v1/secret/data/hf",
            "pointer": "/data/data/token", "refresh": "60s",
        }}],
        "rules": [{"name": "scientists", "match": {"paths": ["/v1/**"]},
            "require": {"role": "Model.Query"}, "credential": "hf-vault"}],
    })
}

fn vault(value: &str) -> Answer {
    Answer::ok(json!({"data": {"data": {"token": value}}}).to_string())
}

fn jwks() -> Answer {
    let issuer = issuer_v2(TENANT);
    let key = keys::rsa().to_entra_jwk("microsoftonline.com", Some(&issuer));
    Answer::ok(json!({"keys": [key]}).to_string())
}

fn send(host: &mut Host, token: &str) -> u32 {
    let bearer = format!("Bearer {token}");
    let fields = [
        (":method", "POST"),
        (":path", PATH),
        (":scheme", "https"),
        (":authority", "hf.contoso.com"),
        ("authorization", bearer.as_str()),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    host.open(fields.to_vec(), true)
}

/// Returns the Authorization of the forwarded request, or `None` if it was not forwarded.
fn sent_with(host: &Host, id: u32) -> Option<String> {
    match host.fate(id) {
        Fate::Forwarded(headers) => field(headers, "authorization"),
        Fate::Held | Fate::Replied(_) => None,
    }
}

fn contains(host: &Host, secret: &str) -> bool {
    let secret = secret.as_bytes();
    host.linear_memory()
        .windows(secret.len())
        .any(|window| window == secret)
}

/// Returns parts of a token that identify it even if its beginning was overwritten: the middle of its payload and of its
/// signature, which are unique to it.
fn pieces(token: &str) -> Vec<String> {
    let segments = token.split('.').skip(1);
    let pieces_of = |segment: &str| {
        let middle = segment.len() / 2;
        [
            segment[middle..middle + 32].to_owned(),
            segment[segment.len() - 32..].to_owned(),
        ]
    };
    segments.flat_map(pieces_of).collect()
}

#[test]
fn rotated_credentials_and_callers_tokens_are_wiped_from_memory() {
    let (first, second) = (
        "first-credential-of-the-vault",
        "second-credential-of-the-vault",
    );
    let host = Host::start(Settings::new(Rules::Envoy, &settings()));
    let mut host = host.unwrap_or_else(|logs| panic!("{logs:#?}"));
    host.tick();

    // A caller that waits for keys and the credential, one that is denied, and one that is permitted.
    let parked = Token::of(Persona::Ada).build();
    let denied = Token::of(Persona::Nora).build();
    let broken = Token::of(Persona::Cora).corrupt_signature().build();
    let known = Token::of(Persona::Batch).build();
    let waiting = send(&mut host, &parked);
    assert_eq!(host.fate(waiting), &Fate::Held);
    assert!(
        contains(&host, &parked),
        "a waiting request's token is in memory"
    );
    while host.answer("entra", jwks()) {}
    assert!(host.answer("vault", vault(first)));
    assert_eq!(sent_with(&host, waiting), Some(format!("Bearer {first}")));
    assert!(contains(&host, first), "a credential in use is in memory");
    for token in [&denied, &broken] {
        let id = send(&mut host, token);
        assert!(matches!(host.fate(id), Fate::Replied(_)));
        host.end(id);
    }
    for _ in 0..3 {
        let id = send(&mut host, &known);
        assert_eq!(sent_with(&host, id), Some(format!("Bearer {first}")));
        host.end(id);
    }
    host.end(waiting);

    // The credential rotates.
    host.advance(Duration::from_secs(61));
    assert!(host.answer("vault", vault(second)));
    let id = send(&mut host, &known);
    assert_eq!(sent_with(&host, id), Some(format!("Bearer {second}")));
    host.end(id);

    assert!(contains(&host, second), "a credential in use is in memory");
    assert!(
        !contains(&host, first),
        "the old credential is still in memory"
    );
    for token in [&parked, &denied, &broken, &known] {
        for piece in pieces(token) {
            assert!(
                !contains(&host, &piece),
                "a token is still in memory: {piece}"
            );
        }
    }
}
