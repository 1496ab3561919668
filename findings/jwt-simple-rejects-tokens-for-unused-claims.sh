#!/usr/bin/env bash
# expected: with NoCustomClaims and no required subject or id, jwt-simple checks the signature and the times, and ignores other claims.
# actual: a validly signed token whose `jti` or `nonce` is not a string, or whose `nbf` is null, fails to verify; `null` is not
# treated as absent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --bin --name claims
cargo add --quiet jwt-simple@=0.15.0 --no-default-features --features pure-rust
cargo add --quiet serde_json@1 serde@1 >/dev/null
cat >src/main.rs <<'RS'
use jwt_simple::prelude::*;
use serde_json::{Value, json};

fn verifies(claim: &str, value: Value) -> bool {
    let pair = ES256KeyPair::generate();
    let custom = Claims::with_custom_claims(json!({ claim: value }), Duration::from_hours(1));
    let token = pair.sign(custom).expect("the token is signed");
    pair.public_key()
        .verify_token::<NoCustomClaims>(&token, None)
        .is_ok()
}

fn main() {
    let cases = [
        ("unused", json!(7), true),
        ("jti", json!("text"), true),
        ("jti", json!(7), false),
        ("nonce", json!(7), false),
        ("nbf", json!(null), false),
    ];
    for (claim, value, expected) in cases {
        let found = verifies(claim, value.clone());
        println!("jwt-simple 0.15.0: {claim}: {value}: verifies {found}");
        assert_eq!(found, expected, "{claim}: {value}");
    }
}
RS
cargo run --quiet
