//! Every refusal of the contract: the path, and a text that says what to do.

use super::super::load;
use super::*;

/// One case of `refused.txt`.
pub(super) struct Case {
    /// The place, and what stands there.
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
fn each_refusal_says_where_and_what_to_do() {
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

/// Emptied lists must not pass for missing ones.
#[test]
fn null_is_no_way_to_leave_something_out() {
    let mut config = base();
    config["issuers"][0]["clients"] = Value::Null;
    config["rules"][2]["match"]["paths"] = Value::Null;
    let errors = refused(&config);
    assert_eq!(errors.len(), 2, "{errors:#?}");
    let expected = "rules[2].match.paths: must be filled in or removed, but is empty (null)";
    assert_eq!(errors[1], expected);
}

#[test]
fn inline_keys_are_never_fetched() {
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
fn an_identity_header_can_not_be_the_token_s() {
    let mut config = with("/token/headers", json!([{"name": "X-Api-Key"}]));
    set(
        &mut config,
        "/forward/identity_headers",
        json!({"x-api-key": "oid"}),
    );
    assert!(refused(&config)[0].contains("`token.headers` takes the caller's token from it"));
}

#[test]
fn what_is_not_built_still_has_a_shape() {
    let graph = json!({"graph": {"cluster": "g", "auth": {"env": 1}}});
    for (pointer, value, error) in [
        (
            "/revocation",
            json!({"cluster": "c"}),
            "revocation.uri: is required; add it",
        ),
        (
            "/issuers/0/groups_overage",
            graph,
            "issuers[0].groups_overage.graph.auth.env: must be a text, but is a number",
        ),
    ] {
        let errors = refused(&with(pointer, value));
        assert!(errors.contains(&error.to_owned()), "{errors:#?}");
    }
}

#[test]
fn the_whole() {
    let error = |text: &[u8]| load(text, &environment).unwrap_err().to_string();
    assert!(error(b"").starts_with("no plugin configuration was given; set `configuration`"));
    assert!(error(b"{\"issuers\": [").starts_with("the configuration is no JSON: EOF"));
    assert!(error(b"\x12\x01").starts_with("the configuration is no google.protobuf.Struct"));
    assert!(error(br#"{"usage":false,"usage":false}"#).contains("appears twice"));
    for whole in [json!([]), json!("text"), json!(null)] {
        assert!(
            refused(&whole)[0].starts_with("must be an object"),
            "{whole}"
        );
    }
}
