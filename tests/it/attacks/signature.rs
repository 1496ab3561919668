//! RFC 8725 §3.1 to §3.3: the configuration selects the algorithm, and every check must succeed.

use super::support::*;
use super::{code, segment};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::json;
use testbed::keys::{self, Algorithm};
use testbed::mint;

/// Returns all spellings of `none` in upper and lower case.
fn spellings_of_none() -> impl Iterator<Item = String> {
    (0..16_u32).map(|mask| {
        let letter = |(at, c): (usize, char)| match mask >> at & 1 {
            1 => c.to_ascii_uppercase(),
            _ => c,
        };
        "none".chars().enumerate().map(letter).collect()
    })
}

#[test]
fn s3_1_none_in_any_spelling_is_refused() {
    let signed = ada().build();
    let signature = signed.rsplit_once('.').unwrap().1;
    let payload = segment(&ada().claims_value());
    for name in spellings_of_none().chain(["none ".into(), "n\u{f6}ne".into(), "no\0ne".into()]) {
        let header = segment(&json!({"alg": name, "typ": "JWT", "kid": keys::rsa().kid()}));
        for third in ["", signature, "AA"] {
            let found = code(&format!("{header}.{payload}.{third}"));
            assert_eq!(found, "algorithm_not_allowed", "{name:?} {third:?}");
        }
        // Two segments, as some libraries encode unsigned tokens.
        assert_eq!(code(&format!("{header}.{payload}")), "token_malformed");
    }
}

#[test]
fn s3_1_hmac_with_the_public_key_is_refused() {
    let key = keys::rsa();
    let pem = key.public_pem();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let jwk = key.to_jwk();
    let modulus = BASE64URL.decode(jwk["n"].as_str().unwrap()).unwrap();
    let text = jwk.to_string();
    let secrets: [&[u8]; 7] = [
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        &base64::engine::general_purpose::STANDARD
            .decode(&der)
            .unwrap(),
        text.as_bytes(),
        jwk["n"].as_str().unwrap().as_bytes(),
        &modulus,
        b"",
    ];
    for name in ["HS256", "HS384", "HS512", "hs256"] {
        for secret in secrets {
            let header = json!({"alg": name, "typ": "JWT", "kid": key.kid()});
            let forged = mint::mint_hs256(&header, &ada().claims_value(), secret);
            assert_eq!(code(&forged), "algorithm_not_allowed", "{name}");
        }
    }
    // The same bytes with the key's own algorithm.
    for secret in secrets {
        let forged = mint::mint_hs256(&ada().header_value(), &ada().claims_value(), secret);
        assert_eq!(code(&forged), "signature_invalid");
    }
}

#[test]
fn s3_1_symmetric_key_in_the_set_is_ignored() {
    let secret = b"a secret that the issuer published";
    let oct = json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": BASE64URL.encode(secret)});
    let mut bench = Bench::cold(&settings());
    bench.answer(ok(json!({"keys": [oct, keys::rsa().to_jwk()]})));
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": "oct"});
    let forged = mint::mint_hs256(&header, &ada().claims_value(), secret);
    assert_eq!(bench.code(&forged), "algorithm_not_allowed");
    assert_eq!(bench.code(&ada().build()), "permitted");
}

#[test]
fn s3_2_weak_algorithm_cannot_be_configured() {
    for name in [
        "none", "HS256", "HS512", "RS1", "ES256K", "ES512", "RSA1_5", "A128KW", "",
    ] {
        let mut settings = settings();
        settings["issuers"][0]["algorithms"] = json!(["RS256", name]);
        let loaded = entragate::config::load(settings.to_string().as_bytes(), &|_| None);
        let errors = loaded.expect_err(name).to_string();
        assert!(errors.contains("issuers[0].algorithms[1]"), "{errors}");
    }
}

#[test]
fn s3_2_algorithm_is_compared_byte_for_byte() {
    for name in [
        "rs256",
        "Rs256",
        "RS256\0",
        " RS256",
        "RS-256",
        "RS2561",
        "RSASSA-PKCS1-v1_5",
    ] {
        let found = code(&ada().header("alg", name).build());
        assert_eq!(found, "algorithm_not_allowed", "{name:?}");
    }
}

#[test]
fn s3_3_token_with_one_changed_character_is_refused() {
    let token = ada().build();
    let mut bench = Bench::warm(&settings());
    for at in 0..token.len() {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        let (id, ruling) = bench.chat(&changed);
        assert_ne!(code_of(&ruling), "permitted", "{at}: {other}");
        bench.gate.finish(id, None, bench.now);
    }
}

#[test]
fn s3_3_signature_over_part_of_the_token_is_refused() {
    let key = keys::rsa();
    let token = ada().build();
    let [header, payload, _] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three segments")
    };
    let decoded = BASE64URL.decode(payload).unwrap();
    let texts = [
        Vec::new(),
        header.into(),
        payload.into(),
        format!("{header}.").into_bytes(),
        format!("{header}{payload}").into_bytes(),
        format!("{header}.{payload}.").into_bytes(),
        decoded,
    ];
    for text in texts {
        let signature = BASE64URL.encode(key.sign_raw(Algorithm::Rs256, &text));
        let found = code(&format!("{header}.{payload}.{signature}"));
        assert_eq!(
            found,
            "signature_invalid",
            "{:?}",
            String::from_utf8_lossy(&text)
        );
    }
}

#[test]
fn s3_3_cached_token_does_not_permit_another() {
    let mut settings = settings();
    settings["cache"] = json!({"ttl": "1h"});
    let mut bench = Bench::warm(&settings);
    let good = ada();
    assert_eq!(bench.code(&good.build()), "permitted");
    assert_eq!(
        bench.code(&good.clone().corrupt_signature().build()),
        "signature_invalid"
    );
    let richer = good.clone().claim("roles", json!(["Model.Query", "Admin"]));
    let (_, signature) = good
        .build()
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let (input, _) = richer
        .build()
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert_eq!(
        bench.code(&format!("{input}.{signature}")),
        "signature_invalid"
    );
    assert_eq!(bench.code(&good.build()), "permitted");
}
