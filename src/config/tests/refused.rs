//! Every configuration error: its path and its message.

use super::super::load;
use super::*;

/// One case of `refused.txt`.
pub(super) struct Case {
    /// The path of a value, and the new value.
    pub(super) change: &'static str,
    expected: &'static str,
}

impl Case {
    pub(super) fn config(&self) -> Value {
        let (pointer, value) = self.change.split_once(" = ").unwrap();
        with(pointer, serde_json::from_str(value).unwrap())
    }
}

pub(super) fn cases() -> Vec<Case> {
    let lines = include_str!("refused.txt").lines();
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let case = |case: &[&'static str]| match case {
        [change, expected] => Case { change, expected },
        _ => panic!("{case:?}"),
    };
    lines.chunks(2).map(case).collect()
}

#[test]
fn each_error_has_its_path_and_message() {
    for case in cases() {
        let change = case.change;
        let (path, text) = case.expected.trim_start().split_once(": ").unwrap();
        let errors = refused(&case.config());
        let [error] = errors.as_slice() else {
            panic!("{change}: {errors:#?}")
        };
        assert!(
            error.starts_with(&format!("{path}: ")),
            "{change}: {error}\nis not at {path}"
        );
        assert!(
            error.contains(text),
            "{change}: {error}\ndoes not say {text}"
        );
        assert!(
            !error.replace("client_secret", "").contains("secret"),
            "{error}"
        );
    }
}

/// A list without items in YAML must not be treated as absent.
#[test]
fn null_is_refused() {
    let mut config = base();
    config["issuers"][0]["clients"] = Value::Null;
    config["rules"][2]["match"]["paths"] = Value::Null;
    let errors = refused(&config);
    assert_eq!(errors.len(), 2, "{errors:#?}");
    let expected = "rules[2].match.paths: must be set or removed, but is null";
    assert_eq!(errors[1], expected);
}

#[test]
fn inline_keys_with_fetch_settings_are_refused() {
    let weak = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]});
    let jwks = json!({"inline": weak, "cluster": "x", "refresh": "1h"});
    let errors = refused(&with("/issuers/1/jwks", jwks));
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(
        errors[0].contains("never fetched; remove it"),
        "{errors:#?}"
    );
}

#[test]
fn identity_header_that_carries_the_token_is_refused() {
    let mut config = with("/token/headers", json!([{"name": "X-Api-Key"}]));
    set(
        &mut config,
        "/forward/identity_headers",
        json!({"x-api-key": "oid"}),
    );
    assert!(refused(&config)[0].contains("`token.headers` reads the caller's token from it"));
}

#[test]
fn structure_of_every_section_is_checked() {
    let graph = json!({"graph": {"cluster": "g", "auth": {"env": 1}}});
    for (pointer, value, error) in [
        (
            "/usage",
            json!({"unknown_tokens": 1_000_000_001}),
            "usage.unknown_tokens: is out of range; choose a value from 0 to 1000000000",
        ),
        (
            "/usage",
            json!("yes"),
            "usage: must be true or false, but is a string",
        ),
        (
            "/revocation",
            json!({"cluster": "c"}),
            "revocation.uri: is required; add it",
        ),
        (
            "/issuers/0/groups_overage",
            graph,
            "issuers[0].groups_overage.graph.auth.env: must be a string, but is a number; write it in quotes",
        ),
    ] {
        let errors = refused(&with(pointer, value));
        assert!(errors.contains(&error.to_owned()), "{errors:#?}");
    }
}

#[test]
fn unreadable_configuration_is_refused() {
    let error = |text: &[u8]| load(text, &environment).unwrap_err().to_string();
    assert!(error(b"").starts_with("no plugin configuration was given; set `configuration`"));
    assert!(error(b"{\"issuers\": [").starts_with("the configuration is not valid JSON: EOF"));
    assert!(
        error(b"\x12\x01").starts_with("the configuration is not a valid google.protobuf.Struct")
    );
    assert!(error(br#"{"usage":false,"usage":false}"#).contains("appears twice"));
    for whole in [json!([]), json!("text"), json!(null)] {
        assert!(
            refused(&whole)[0].starts_with("must be an object"),
            "{whole}"
        );
    }
}
