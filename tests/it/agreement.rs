//! All implementations of signature verification lead to the same decision. tests/e2e/signatures.rs compares the host's
//! implementation in a real Envoy; this test shows that only the signature check differs.

use crate::support;

use entragate::http::headers::Headers;
use entragate::token::signature::{Portable, SignatureCheck};
use serde_json::json;
use support::*;
use testbed::mint::Token;

fn code(token: &Token, signatures: &dyn SignatureCheck) -> String {
    let mut bench = Bench::warm(&settings());
    let authorization = format!("Bearer {}", token.build());
    let headers = Headers::from_iter([
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("authorization", &authorization),
    ]);
    code_of(
        &bench
            .gate
            .begin(1, headers, Default::default(), bench.now, signatures),
    )
}

#[test]
fn implementations_differ_only_in_the_signature_check() {
    let values = [
        json!(null),
        json!(true),
        json!(7),
        json!(-7),
        json!(7.5),
        json!(1e300),
        json!(""),
        json!("text"),
        json!([]),
        json!(["text"]),
        json!([7]),
        json!({"a": 1}),
    ];
    let mut disagreements = Vec::new();
    let mut compare = |token: Token, label: String| {
        let ours = code(&token, &Trusting);
        let theirs = code(&token, &Portable);
        if theirs != ours {
            disagreements.push(format!(
                "{label}: {theirs} with the filter's own verification, {ours} without"
            ));
        }
    };
    for value in &values {
        for claim in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce"] {
            let token = ada().claim(claim, value.clone());
            compare(token, format!("claim {claim}: {value}"));
        }
        for member in [
            "typ", "cty", "kid", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "salt", "crit",
        ] {
            let token = ada().header(member, value.clone());
            compare(token, format!("header {member}: {value}"));
        }
    }
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}
