//! Claims and headers that try to end a header, a log line or a quoted string, and identity headers that a caller forges.

use super::support::*;
use entragate::gate::{Notice, Step};
use entragate::http::headers::Headers;
use serde_json::{Value, json};
use testbed::persona::*;

const HOSTILE: [&str; 9] = [
    "a\r\nset-cookie: session=stolen",
    "a\nx-entra-oid: somebody-else",
    "a\rb",
    "a\0b",
    "a\", error=\"none",
    "a\\\", scope=\"all",
    "\u{2028}\u{2029}\u{85}",
    "é\u{202e}txt",
    "%0d%0aset-cookie: a=b",
];

fn with_identity_headers() -> Value {
    let mut settings = settings();
    settings["forward"] = json!({"identity_headers": {
        "x-oid": "oid", "x-app": "client", "x-name": "name", "x-mail": "preferred_username",
        "x-sub": "sub", "x-tid": "tid",
    }});
    settings["audit"] = json!({"claims": ["name", "preferred_username"]});
    settings
}

fn is_header_value(value: &str) -> bool {
    value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[test]
fn claim_cannot_split_a_request_header() {
    for text in HOSTILE {
        let mut token = ada();
        for claim in ["oid", "azp", "name", "preferred_username", "sub"] {
            token = token.claim(claim, text);
        }
        let mut bench = Bench::warm(&with_identity_headers());
        let (_, ruling) = bench.chat(&token.build());
        let edits = edits_of(&ruling);
        assert_eq!(edits.len(), 7, "{text:?}");
        for (name, value) in edits {
            assert!(is_header_value(&value), "{name}: {value:?}");
        }
        for (name, value) in &ruling.marks {
            assert!(*name != "entragate.code" || **value == *"permitted");
        }
    }
}

#[test]
fn claim_cannot_split_a_reply_header_or_quoted_string() {
    for text in HOSTILE {
        for (token, expected) in [
            (ada().claim("iss", text), "issuer_unknown"),
            (ada().header("alg", text), "algorithm_not_allowed"),
            (ada().header("typ", text), "token_for_another_api"),
            (ada().claim("roles", json!([text])), "rule_unsatisfied"),
            (ada().claim("aud", text), "audience_mismatch"),
        ] {
            let mut bench = Bench::warm(&with_identity_headers());
            let (_, ruling) = bench.chat(&token.build());
            assert_eq!(code_of(&ruling), expected, "{text:?}");
            for (name, value) in &reply_of(&ruling).headers {
                assert!(is_header_value(value), "{name}: {value:?}");
            }
            let challenge = header_of(&ruling, "www-authenticate").unwrap();
            assert_eq!(
                parameters(&challenge),
                ["realm", "error", "error_description"],
                "{challenge}"
            );
            let body: Value = serde_json::from_str(&reply_of(&ruling).body).unwrap();
            assert_eq!(body["error"]["code"], expected);
        }
    }
}

/// Returns the names of a challenge's parameters, parsed according to RFC 9110 §11.2.
fn parameters(challenge: &str) -> Vec<&str> {
    let mut rest = challenge.strip_prefix("Bearer ").unwrap();
    let mut names = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (value, after) = after.split_once('"').unwrap();
        assert!(!value.contains('\\'), "{challenge}");
        names.push(name);
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => {
                assert_eq!(after, "", "{challenge}");
                return names;
            }
        }
    }
}

#[test]
fn audit_record_is_one_json_line_for_any_input() {
    for text in HOSTILE {
        let mut bench = Bench::warm(&with_identity_headers());
        let token = ada()
            .claim("name", text)
            .claim("oid", text)
            .claim("azp", text);
        let mut headers = Headers::default();
        headers.push(b":method", text.as_bytes());
        headers.push(b":path", b"/v1/x");
        headers.push(b":authority", text.as_bytes());
        headers.push(b"x-request-id", text.as_bytes());
        headers.push(b"traceparent", text.as_bytes());
        headers.push(b"user-agent", text.as_bytes());
        headers.push(
            b"authorization",
            format!("Bearer {}", token.build()).as_bytes(),
        );
        let (id, ruling) = bench.send_headers(headers);
        if let Step::Reply(reply) = &ruling.step {
            assert!(
                reply
                    .headers
                    .iter()
                    .all(|(_, value)| is_header_value(value))
            );
        }
        bench.gate.finish(id, Some(200), bench.now);
        let mut records = 0;
        for notice in bench.gate.take_notices() {
            let line = match notice {
                Notice::Audit(_, line) => {
                    records += 1;
                    serde_json::from_str::<Value>(&line).unwrap();
                    line
                }
                Notice::Log(_, line) => line,
                Notice::Count(name) => name.into_owned(),
                Notice::Add(name, _) | Notice::Observe(name, _) => name.to_string(),
            };
            assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        }
        assert_eq!(records, 1);
    }
}

#[test]
fn callers_identity_headers_are_removed() {
    let bench = Bench::warm(&with_identity_headers());
    let spoofed = [
        ("X-OID", "spoofed"),
        ("x-oid", "spoofed again"),
        ("X-App", "spoofed"),
        ("x-mail", "boss@contoso.com"),
        ("X-HF-Bill-To", "victim"),
        ("Authorization", "Bearer x"),
        ("authorization", "Basic x"),
        ("Proxy-Authorization", "Bearer x"),
        ("Cookie", "token=x"),
        ("X-Api-Key", "x"),
        ("API-Key", "x"),
    ];
    // The gate lists each name once; the host removes every field with that name.
    let stripped = bench.gate.strip_credentials(&Headers::from_iter(spoofed));
    let expected = [
        "api-key",
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-app",
        "x-hf-bill-to",
        "x-mail",
        "x-oid",
    ];
    assert_eq!(stripped, expected);
}

#[test]
fn identity_missing_from_the_token_sets_no_header() {
    let mut bench = Bench::warm(&with_identity_headers());
    let token = ada()
        .without("azp")
        .without("name")
        .claim("preferred_username", json!(null));
    let edits = edits_of(&bench.chat(&token.build()).1);
    let names: Vec<&str> = edits.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["authorization", "x-oid", "x-sub", "x-tid"]);
    assert!(edits.contains(&("x-tid".into(), TENANT.into())));
}

#[test]
fn several_tokens_in_one_request_are_refused() {
    let good = format!("Bearer {}", ada().build());
    let with = |values: &[&str]| {
        let mut headers = Headers::from_iter([(":method", "POST"), (":path", "/v1/x")]);
        for value in values {
            headers.push(b"Authorization", value.as_bytes());
        }
        let mut bench = Bench::warm(&settings());
        code_of(&bench.send_headers(headers).1)
    };
    assert_eq!(with(&[&good]), "permitted");
    for values in [
        vec![good.as_str(), good.as_str()],
        vec![&good, ""],
        vec!["", &good],
        vec![&good, "Basic eA=="],
        vec!["Basic eA==", &good],
    ] {
        assert_eq!(with(&values), "token_malformed", "{values:?}");
    }
    for joined in [
        format!("{good},{good}"),
        format!("{good}, {good}"),
        format!("{good},"),
        format!(",{good}"),
        format!("{good} {good}"),
        format!("{good}\r\n {good}"),
        format!("Bearer Bearer {}", ada().build()),
        format!("{good}; charset=utf-8"),
    ] {
        let found = with(&[&joined]);
        assert!(
            ["token_malformed", "token_missing"].contains(&&*found),
            "{found}: {joined:.40}"
        );
    }
}
