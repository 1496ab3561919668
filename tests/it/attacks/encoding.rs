//! RFC 8725 §3.6, §3.7 and RFC 7515: a token has exactly one encoding and one meaning.

use super::code;
use super::support::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use testbed::keys;
use testbed::mint;

/// Returns a token of Ada with these bytes as its payload.
fn signed(payload: &[u8]) -> String {
    mint::mint_raw(
        ada().header_value().to_string().as_bytes(),
        payload,
        &keys::rsa(),
    )
}

fn signed_header(header: &[u8]) -> String {
    mint::mint_raw(
        header,
        ada().claims_value().to_string().as_bytes(),
        &keys::rsa(),
    )
}

#[test]
fn s3_6_compressed_payload_is_never_inflated() {
    // `{}` in raw DEFLATE, zlib and gzip, with a valid signature.
    let deflated: [&[u8]; 3] = [
        b"\xab\xae\x05\x00",
        b"\x78\x9c\xab\xae\x05\x00\x01\x75\x00\xf9",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00",
    ];
    for payload in deflated {
        let header = ada().header("zip", "DEF").header_value().to_string();
        let token = mint::mint_raw(header.as_bytes(), payload, &keys::rsa());
        assert_eq!(code(&token), "token_malformed");
    }
}

#[test]
fn s3_6_token_with_zip_header_is_refused() {
    // Even if the payload is not compressed: another reader might inflate it.
    for value in [json!("DEF"), json!(true), json!(0)] {
        let found = code(&ada().header("zip", value.clone()).build());
        assert_eq!(found, "token_malformed", "{value}");
    }
}

#[test]
fn s3_7_json_that_is_not_utf_8_is_refused() {
    let claims = ada().claims_value().to_string();
    let utf_16: Vec<u8> = claims.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin_1 = claims.replacen('{', "{\"name\":\"\u{1}\",", 1).into_bytes();
    let latin_1: Vec<u8> = latin_1
        .iter()
        .map(|b| if *b == 1 { 0xe9 } else { *b })
        .collect();
    let overlong = [&b"{\"a\":\"\xc0\xaf\","[..], &claims.as_bytes()[1..]].concat();
    let surrogate = claims.replacen('{', r#"{"a":"\ud800","#, 1).into_bytes();
    let marked = format!("\u{feff}{claims}").into_bytes();
    for payload in [utf_16, latin_1, overlong, surrogate, marked] {
        assert_eq!(code(&signed(&payload)), "token_malformed");
    }
}

#[test]
fn duplicate_member_is_refused_at_any_position() {
    let claims = ada().claims_value().to_string();
    for twice in [
        r#"{"exp":99999999999,"#,
        r#"{"iss":"https://evil.example","#,
        r#"{"\u0069ss":"https://evil.example","#,
        r#"{"roles":["Admin"],"#,
        r#"{"extra":{"a":1,"a":2},"#,
        r#"{"extra":[{"a":1,"\u0061":2}],"#,
    ] {
        let payload = claims.replacen('{', twice, 1);
        assert_eq!(
            code(&signed(payload.as_bytes())),
            "token_malformed",
            "{twice}"
        );
    }
    let header = ada().header_value().to_string();
    for twice in [
        r#"{"alg":"none","#,
        r#"{"\u0061lg":"HS256","#,
        r#"{"kid":"x","#,
    ] {
        let header = header.replacen('{', twice, 1);
        assert_eq!(
            code(&signed_header(header.as_bytes())),
            "token_malformed",
            "{twice}"
        );
    }
}

#[test]
fn trailing_data_or_non_object_is_refused() {
    let claims = ada().claims_value().to_string();
    for payload in [
        format!("{claims}{claims}"),
        format!("{claims},"),
        format!("{claims}\0"),
        format!("{claims}}}"),
        format!("{claims}//"),
        format!("[{claims}]"),
        format!("({claims})"),
        claims.trim_end_matches('}').to_owned(),
        claims.replace('"', "'"),
        "[".repeat(10_000),
        "{\"a\":".repeat(2_000),
        "null".into(),
        "\"text\"".into(),
        String::new(),
    ] {
        let found = code(&signed(payload.as_bytes()));
        assert!(
            ["token_malformed", "token_too_large"].contains(&&*found),
            "{payload:.60}: {found}"
        );
    }
    // White space around JSON has no meaning, and RFC 8259 allows it.
    assert_eq!(
        code(&signed(format!(" \n{claims}\t ").as_bytes())),
        "permitted"
    );
}

#[test]
fn non_canonical_base64url_is_refused_in_every_segment() {
    let token = ada().build();
    let segments: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        let spelled = |text: String| {
            let mut all: Vec<String> = segments.iter().map(|s| (*s).to_owned()).collect();
            all[at] = text;
            code(&all.join("."))
        };
        let segment = segments[at];
        assert_eq!(spelled(segment.to_owned()), "permitted");
        for text in [
            format!("{segment}="),
            format!("{segment}=="),
            format!("={segment}"),
            format!("{segment}A"),
            format!("{}+{}", &segment[..4], &segment[5..]),
            format!("{}/{}", &segment[..4], &segment[5..]),
            format!("{}~{}", &segment[..4], &segment[4..]),
            String::new(),
        ] {
            // One more character makes it a different signature.
            let longer = at == 2 && text == format!("{segment}A");
            let expected = if longer {
                "signature_invalid"
            } else {
                "token_malformed"
            };
            assert_eq!(spelled(text.clone()), expected, "segment {at}: {text:.80}");
        }
    }
}

#[test]
fn nonzero_unused_bits_are_refused() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut seen = 0;
    // Claims of three lengths, so that header and payload end with each kind of last character.
    for padding in ["", "a", "ab"] {
        let token = ada().claim("padding", padding).build();
        let segments: Vec<&str> = token.split('.').collect();
        for at in 0..3 {
            let (start, last) = segments[at].split_at(segments[at].len() - 1);
            let value = ALPHABET
                .iter()
                .position(|c| *c == last.as_bytes()[0])
                .unwrap();
            let unused = match segments[at].len() % 4 {
                2 => 4,
                3 => 2,
                _ => continue,
            };
            for bits in 1..1 << unused {
                seen += 1;
                let mut all = segments.clone();
                let stray = format!("{start}{}", char::from(ALPHABET[value | bits]));
                all[at] = &stray;
                assert_eq!(
                    code(&all.join(".")),
                    "token_malformed",
                    "segment {at}, bits {bits}"
                );
            }
        }
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn whitespace_in_a_token_is_refused() {
    let token = ada().build();
    for space in [" ", "\t", "\n", "\r\n", "\u{b}", "\0", "%20"] {
        let broken = format!("{}{space}{}", &token[..50], &token[50..]);
        assert_eq!(code(&broken), "token_malformed", "{space:?}");
    }
}

#[test]
fn json_serialization_is_refused() {
    let token = ada().build();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three segments")
    };
    let flattened = json!({"protected": header, "payload": payload, "signature": signature});
    let general =
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
    for serialization in [flattened, general] {
        assert_eq!(code(&serialization.to_string()), "token_malformed");
        let encoded = BASE64URL.encode(serialization.to_string());
        assert_eq!(code(&encoded), "token_malformed");
    }
}

#[test]
fn unencoded_payload_is_refused() {
    // RFC 7797: signed with `b64` false, with and without `crit`.
    let crit: [&dyn Fn() -> Value; 2] = [&|| json!(["b64"]), &|| json!(["exp", "b64"])];
    for names in crit {
        let token = ada().header("b64", false).header("crit", names()).build();
        assert_eq!(code(&token), "token_malformed");
    }
    for value in [json!(false), json!(true), json!("false"), json!(0)] {
        assert_eq!(code(&ada().header("b64", value).build()), "token_malformed");
    }
}

#[test]
fn any_critical_extension_is_refused() {
    for value in [
        json!(["exp"]),
        json!(["alg"]),
        json!(["http://example.com/UNDEFINED"]),
        json!([]),
        json!(""),
        json!({}),
    ] {
        assert_eq!(
            code(&ada().header("crit", value.clone()).build()),
            "token_malformed",
            "{value}"
        );
    }
}

#[test]
fn nested_token_is_refused() {
    let inner = ada().build();
    for cty in ["JWT", "jwt", "application/jwt"] {
        let header = ada().header("cty", cty).header_value().to_string();
        let token = mint::mint_raw(header.as_bytes(), inner.as_bytes(), &keys::rsa());
        assert_eq!(code(&token), "token_malformed");
        let quoted = mint::mint_raw(
            header.as_bytes(),
            format!("\"{inner}\"").as_bytes(),
            &keys::rsa(),
        );
        assert_eq!(code(&quoted), "token_malformed");
    }
}

#[test]
fn encrypted_token_is_refused_with_its_own_reason() {
    for algorithm in ["dir", "RSA-OAEP", "RSA1_5", "PBES2-HS256+A128KW"] {
        // PBES2 with a large p2c can keep a decrypter busy for minutes. The filter decrypts nothing.
        let header =
            json!({"alg": algorithm, "enc": "A256GCM", "zip": "DEF", "p2c": 2_000_000_000});
        let header = super::segment(&header);
        for token in [format!("{header}.AA.AA.AA.AA"), format!("{header}....")] {
            assert_eq!(code(&token), "token_encrypted", "{algorithm}");
        }
        assert_eq!(code(&format!("{header}.AA.AA")), "token_encrypted");
    }
}
