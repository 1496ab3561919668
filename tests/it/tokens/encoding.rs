//! The encoding of a token: headers, base64url, JSON.

use super::*;

#[test]
fn header_that_changes_the_meaning_is_refused() {
    for (name, value, code) in [
        ("crit", json!(["exp"]), "token_malformed"),
        ("crit", json!([]), "token_malformed"),
        ("b64", json!(false), "token_malformed"),
        ("enc", json!("A256GCM"), "token_encrypted"),
        ("typ", json!("secevent+jwt"), "token_for_another_api"),
        ("typ", json!(1), "token_malformed"),
        ("kid", json!(7), "token_malformed"),
        ("kid", json!("x".repeat(10_000)), "token_malformed"),
        ("alg", json!(256), "token_malformed"),
    ] {
        let mut bench = Bench::warm(&settings());
        let token = ada().header(name, value.clone());
        assert_eq!(bench.code(&token.build()), code, "{name}: {value}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
        let mut bench = Bench::warm(&settings());
        assert_eq!(
            bench.code(&ada().header("typ", typ).build()),
            "permitted",
            "{typ}"
        );
    }
    let mut bench = Bench::warm(&settings());
    assert_eq!(
        bench.code(&ada().without_header("typ").build()),
        "permitted"
    );
}

#[test]
fn alternative_encoding_of_a_token_is_refused() {
    let token = ada().build();
    let mut bench = Bench::warm(&settings());
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let padded = format!("{rest}.{signature}==");
    assert_eq!(bench.code(&padded), "token_malformed");
    // 256 bytes leave two unused bits in the last character; a token in which they are set must be denied.
    let stray = format!("{rest}.{}", stray_bits(signature));
    assert_eq!(bench.code(&stray), "token_malformed");
    for wrong in [
        format!("{token}."),
        format!(".{token}"),
        token.replacen('.', "..", 1),
    ] {
        assert_eq!(bench.code(&wrong), "token_malformed", "{wrong}");
    }
    assert_eq!(bench.code(&format!("{token}.x.y")), "token_encrypted");
}

fn stray_bits(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = text.split_at(text.len() - 1);
    let at = ALPHABET
        .iter()
        .position(|byte| *byte == last.as_bytes()[0])
        .unwrap();
    format!("{start}{}", char::from(ALPHABET[at | 1]))
}

#[test]
fn ambiguous_json_is_refused() {
    let key = keys::rsa();
    let header = ada().header_value().to_string();
    let claims = ada().claims_value().to_string();
    let twice = claims.replacen('{', r#"{"aud":"other","#, 1);
    let trailing = format!("{claims}{{}}");
    let header_twice = header.replacen('{', r#"{"alg":"none","#, 1);
    for (header, payload) in [
        (header.as_str(), twice.as_str()),
        (&header, &trailing),
        (&header_twice, &claims),
        (&header, "[]"),
        (&header, "\u{feff}{}"),
        ("null", &claims),
    ] {
        let token = mint::mint_raw(header.as_bytes(), payload.as_bytes(), &key);
        let code = Bench::warm(&settings()).code(&token);
        assert_eq!(code, "token_malformed", "{header} {payload}");
    }
    let nested = mint::mint_raw(header.as_bytes(), ada().build().as_bytes(), &key);
    assert_eq!(Bench::warm(&settings()).code(&nested), "token_malformed");
    let not_utf8 = mint::mint_raw(header.as_bytes(), b"{\"iss\":\"\xff\"}", &key);
    assert_eq!(Bench::warm(&settings()).code(&not_utf8), "token_malformed");
}
