//! The examples of RFC 7515, RFC 7517, RFC 7520 and RFC 8037.

use super::verify;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::json::raw::Raw;
use entragate::keys::algorithm::Algorithm;
use entragate::keys::jwk::Key;
use entragate::keys::keyset::KeySet;
use entragate::token::jws::Unverified;
use entragate::token::signature::{Portable, SignatureCheck};
use serde_json::{Value, json};

/// RFC 7515 §A.2.1.
const A2_MODULUS: &str = concat!(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ",
    "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2",
    "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD",
    "TW9gb54h4FRWyuXpoQ"
);
const A_PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const A2_SIGNATURE: &str = concat!(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU",
    "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d",
    "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig",
    "cN_IoypGlUPQGe77Rw"
);
/// RFC 7515 §A.3.1.
const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// RFC 7520 §3.3.
const BILBO: &str = concat!(
    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2w",
    "qVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bT",
    "wJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5",
    "iaiQkqgc5gHdrNP5zw"
);
/// RFC 7520 §4: the text that all its examples sign.
const ROAD: &str = concat!(
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwg",
    "YW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9m",
    "ZiB0by4"
);

fn rsa(n: &str) -> Value {
    json!({"kty": "RSA", "n": n, "e": "AQAB"})
}

fn p256() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
           "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
}

/// Returns whether the signature is valid, and whether it remains valid if one bit of the text or the signature is changed.
fn check(algorithm: Algorithm, jwk: &Value, text: &str, signature: &str) -> (bool, bool) {
    let key = Key::from_jwk(jwk).unwrap();
    let signature = BASE64URL.decode(signature).unwrap();
    let is_valid =
        |text: &[u8], signature: &[u8]| verify(algorithm, &key.material, text, signature).is_some();
    let mut changed = signature.clone();
    changed[7] ^= 1;
    let mut other = text.as_bytes().to_vec();
    other[7] ^= 1;
    let still_valid = is_valid(text.as_bytes(), &changed) || is_valid(&other, &signature);
    (is_valid(text.as_bytes(), &signature), still_valid)
}

#[test]
fn rfc_7515_a_2_and_a_3_signatures_are_verified() {
    for (header, jwk, signature) in [
        ("eyJhbGciOiJSUzI1NiJ9", rsa(A2_MODULUS), A2_SIGNATURE),
        ("eyJhbGciOiJFUzI1NiJ9", p256(), A3_SIGNATURE),
    ] {
        let token = format!("{header}.{A_PAYLOAD}.{signature}");
        let mut buffer = Vec::new();
        let unverified = Unverified::parse(&token, &[], &mut buffer).unwrap();
        assert_eq!(unverified.text("iss").as_deref(), Some("joe"));
        let exp = unverified.claims.get("exp").map(Raw::as_written);
        assert_eq!(exp, Some("1300819380"));
        let key = Key::from_jwk(&jwk).unwrap();
        assert!(Portable.check(&unverified, &key).is_some(), "{header}");
        let text = format!("{header}.{A_PAYLOAD}");
        assert_eq!(
            check(unverified.algorithm, &jwk, &text, signature),
            (true, false)
        );
    }
}

#[test]
fn rfc_7515_a_5_and_a_1_tokens_are_refused() {
    // An unsecured token, and one with HMAC.
    let unsecured = format!("eyJhbGciOiJub25lIn0.{A_PAYLOAD}.");
    let hmac = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{A_PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    for token in [unsecured, hmac] {
        let denial = Unverified::parse(&token, &["jwt".into()], &mut Vec::new()).unwrap_err();
        assert_eq!(denial.code(), "algorithm_not_allowed");
    }
}

#[test]
fn rfc_7520_4_1_and_4_2_signatures_are_verified() {
    let rs256 = concat!(
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDk",
        "oBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpE",
        "RV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogore",
        "e7vjbU5y18kDquDg"
    );
    let ps384 = concat!(
        "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OL",
        "PpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shn",
        "r2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6o",
        "D4ifKo8DYM-X72Eaw"
    );
    for (algorithm, header, signature) in [
        (Algorithm::Rs256, json!({"alg": "RS256"}), rs256),
        (Algorithm::Ps384, json!({"alg": "PS384"}), ps384),
    ] {
        let header =
            header
                .to_string()
                .replacen('}', r#","kid":"bilbo.baggins@hobbiton.example"}"#, 1);
        let text = format!("{}.{ROAD}", BASE64URL.encode(header));
        assert_eq!(
            check(algorithm, &rsa(BILBO), &text, signature),
            (true, false),
            "{algorithm:?}"
        );
    }
}

#[test]
fn rfc_8037_a_4_signature_is_verified() {
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(
        check(Algorithm::EdDsa, &jwk, text, signature),
        (true, false)
    );
}

#[test]
fn rfc_7517_a_1_set_has_one_signature_key() {
    let set = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
         "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "use": "enc", "kid": "1"},
        {"kty": "RSA", "n": A2_MODULUS, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"},
    ]});
    let keys = KeySet::from_json(set.to_string().as_bytes()).unwrap();
    assert_eq!(keys.len(), 1);
}
