//! RFC 8725 §3.4 and §3.5: keys and signatures that are invalid cryptographic inputs.

use super::support::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::keys::jwk::Key;
use serde_json::{Value, json};
use testbed::keys::{self, Algorithm};
use testbed::mint::Token;
use testbed::persona::*;

/// The realm with these inline keys, and with every algorithm allowed.
fn realm(keys: Value) -> Value {
    let names: Vec<_> = Algorithm::ALL
        .iter()
        .map(|algorithm| algorithm.name())
        .collect();
    let mut settings = settings();
    settings["issuers"] = json!([{
        "name": "realm",
        "oidc": {"issuer": REALM_ISSUER},
        "audiences": [REALM_AUDIENCE],
        "algorithms": names,
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"inline": {"keys": keys}},
    }]);
    settings
}

fn kim() -> Token {
    Token::of(Persona::Kim).claim("realm_access", json!({"roles": ["Model.Query"]}))
}

fn with_signature(token: &Token, signature: &[u8]) -> String {
    let built = token.build();
    let (input, _) = built.rsplit_once('.').unwrap();
    format!("{input}.{}", BASE64URL.encode(signature))
}

#[test]
fn s3_4_point_off_the_curve_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        let key = keys::cached(algorithm);
        let jwk = key.to_jwk();
        let size = BASE64URL.decode(jwk["x"].as_str().unwrap()).unwrap().len();
        let mut moved = BASE64URL.decode(jwk["y"].as_str().unwrap()).unwrap();
        moved[size - 1] ^= 1;
        for (x, y) in [
            (jwk["x"].clone(), json!(BASE64URL.encode(&moved))),
            (
                json!(BASE64URL.encode(vec![0; size])),
                json!(BASE64URL.encode(vec![0; size])),
            ),
            (
                json!(BASE64URL.encode(vec![0xff; size])),
                json!(BASE64URL.encode(vec![0xff; size])),
            ),
            (jwk["y"].clone(), jwk["x"].clone()),
        ] {
            let mut bad = jwk.clone();
            (bad["x"], bad["y"]) = (x, y);
            let mut bench = Bench::cold(&realm(json!([bad])));
            let token = kim().signed_by(&key);
            assert_eq!(
                bench.code(&token.build()),
                "signature_invalid",
                "{algorithm} {bad}"
            );
            for signature in [vec![0; 2 * size], vec![1; 2 * size]] {
                let code = bench.code(&with_signature(&token, &signature));
                assert_eq!(code, "signature_invalid", "{algorithm} {bad}");
            }
        }
    }
}

#[test]
fn s3_4_coordinates_of_another_length_are_refused() {
    let jwk = keys::cached(Algorithm::Es256).to_jwk();
    let x = BASE64URL.decode(jwk["x"].as_str().unwrap()).unwrap();
    for wrong in [&x[1..], &[&[0], &x[..]].concat(), &[], &[1]] {
        let mut bad = jwk.clone();
        bad["x"] = json!(BASE64URL.encode(wrong));
        assert!(Key::from_jwk(&bad).is_err(), "{bad}");
    }
}

#[test]
fn s3_4_psychic_signature_is_refused() {
    // CVE-2022-21449: r = s = 0 was a valid signature for every text.
    for (algorithm, size) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48)] {
        let key = keys::cached(algorithm);
        let mut bench = Bench::cold(&realm(json!([key.to_jwk()])));
        let token = kim().signed_by(&key);
        let one = [&vec![0; size - 1][..], &[1]].concat();
        let zero = vec![0; size];
        for (r, s) in [(&zero, &zero), (&zero, &one), (&one, &zero), (&one, &one)] {
            let code = bench.code(&with_signature(&token, &[&r[..], s].concat()));
            assert_eq!(code, "signature_invalid", "{algorithm}");
        }
    }
}

#[test]
fn s3_4_ed25519_key_of_small_order_is_refused() {
    // Encodings of points of order 1, 2, 4 and 8, and two that are not canonical: with these keys, some verifiers accept one
    // signature for every text.
    let orders = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000080",
    ];
    let byte = |hex: &str, at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes = |hex: &str| -> Vec<u8> { (0..64).step_by(2).map(|at| byte(hex, at)).collect() };
    for key in orders {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "small", "x": BASE64URL.encode(bytes(key))});
        let mut bench = Bench::cold(&realm(json!([jwk])));
        for point in orders {
            let signature = [bytes(point), vec![0; 32]].concat();
            let token = kim().header("alg", "EdDSA").header("kid", "small");
            let token = with_signature(
                &token.forged_by(&keys::cached(Algorithm::EdDsa)),
                &signature,
            );
            assert_eq!(bench.code(&token), "signature_invalid", "{key} {point}");
        }
    }
}

#[test]
fn s3_5_weak_rsa_key_is_ignored() {
    let jwk = keys::rsa().to_jwk();
    let n = BASE64URL.decode(jwk["n"].as_str().unwrap()).unwrap();
    let with = |name: &str, value: &[u8]| {
        let mut weak = jwk.clone();
        weak[name] = json!(BASE64URL.encode(value));
        weak
    };
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    for weak in [
        with("n", &n[128..]),                             // 1024 bits
        with("n", &n[1..]),                               // 2040 bits or so
        with("n", &[&n[..1], &n.repeat(3)[..]].concat()), // 6144 bits and more
        with("n", &even),
        with("n", &[]),
        with("e", &[1]),
        with("e", &[3]),
        with("e", &[1, 0, 0]),
        with("e", &[1, 0, 1, 0, 1]),
        with("e", &[]),
    ] {
        assert!(Key::from_jwk(&weak).is_err(), "{weak}");
    }
    assert!(Key::from_jwk(&jwk).is_ok());
}

#[test]
fn s3_5_set_of_weak_keys_never_replaces_a_valid_set() {
    let mut bench = Bench::warm(&settings());
    let mut weak = keys::rsa().to_jwk();
    weak["e"] = json!("Aw");
    bench.advance(3600);
    bench.answer(ok(json!({"keys": [weak]})));
    assert_eq!(
        bench.code(&Token::at(Persona::Ada, bench.now.as_secs()).build()),
        "permitted"
    );
}
