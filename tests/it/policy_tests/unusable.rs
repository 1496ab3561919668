//! Input that cannot be used: exit status 2, with the place and a remedy.

use super::*;

#[test]
fn invalid_policy_file_is_reported_with_its_line() {
    let case = |text: &str| {
        format!(
            "cases:\n- name: a\n  caller: none\n  request: {{method: GET, path: /}}\n  expect: no_rule\n{text}"
        )
    };
    let second = |text: &str| case(&format!("- {text}\n"));
    let valid = "request: {method: GET, path: /}, expect: no_rule";
    for (text, line, expected) in [
        ("cases: []".to_owned(), 1, "contains nothing to test"),
        ("[]".to_owned(), 1, "must be an object"),
        (
            "case: []".to_owned(),
            1,
            "case: unknown field; expected cases, always, compare",
        ),
        ("cases: {}".to_owned(), 1, "cases: must be a list"),
        (
            second(&format!("{{name: a, caller: none, {valid}}}")),
            1,
            "two cases are named \"a\"",
        ),
        (
            second(&format!("{{name: b, {valid}}}")),
            6,
            "cases[1]: missing field `caller`",
        ),
        (
            second(&format!(
                "{{name: b, caller: {{issuer: contoso, role: x}}, {valid}}}"
            )),
            6,
            "unknown field `role`",
        ),
        (
            second(&format!(
                "{{name: b, caller: {{issuer: contosso}}, {valid}}}"
            )),
            6,
            "no issuer is named \"contosso\"",
        ),
        (
            second(&format!(
                "{{name: b, caller: {{issuer: realm, kind: agent}}, {valid}}}"
            )),
            6,
            "only tokens of Entra ID identify agents",
        ),
        (
            second(&format!(
                "{{name: b, caller: {{token_file: nowhere}}, {valid}}}"
            )),
            6,
            "caller.token_file: No such file",
        ),
        (
            second(
                "{name: b, caller: none, request: {method: GET, path: /, time: noon}, expect: no_rule}",
            ),
            6,
            "write it as in 2026-11-23T07:30:00Z",
        ),
        (
            second(
                "{name: b, caller: none, request: {method: GET, path: /, model: a, body: b}, expect: no_rule}",
            ),
            6,
            "exclude each other",
        ),
        (
            second(
                "{name: b, caller: none, request: {method: GET, path: /}, expect: {permit: health, deny: no_rule}}",
            ),
            6,
            "exclude each other",
        ),
        (
            second("{name: b, caller: none, request: {method: GET, path: /}, expect: {}}"),
            6,
            "expect: is empty",
        ),
        (
            second(
                "{name: b, caller: none, request: {method: GET, path: /}, expect: {permit: helth}}",
            ),
            6,
            "no rule is named \"helth\"",
        ),
        (
            second(
                "{name: b, caller: none, request: {method: GET, path: /}, expect: {shadow: [helth]}}",
            ),
            6,
            "no rule is named \"helth\"",
        ),
        (
            second(
                "{name: b, caller: none, request: {method: GET, path: /}, expect: {credential: hf}}",
            ),
            6,
            "no credential is named \"hf\"",
        ),
        (
            second(
                "{name: b, callers: {x: none}, requests: [{method: GET, path: /}], expect: {x: []}}",
            ),
            6,
            "has 0 expectations for 1 requests",
        ),
        (
            second("{name: b, callers: {x: none}, requests: [], expect: {y: []}}"),
            6,
            "no caller is named \"y\"",
        ),
        ("a: [".to_owned(), 1, "neither JSON nor YAML"),
        (
            case("---\ncases: []\n"),
            0,
            "exactly one YAML or JSON document",
        ),
    ] {
        let file = cli::file(".yaml", &text);
        let path = file.path().to_str().unwrap();
        let outcome = entragate(&["test", "-", "--policy", path], &policy().to_string());
        assert_eq!((outcome.status, outcome.out.as_str()), (2, ""), "{text}");
        assert!(outcome.err.contains(expected), "{text}\n{}", outcome.err);
        let place = if line == 0 {
            format!("{path}: error")
        } else {
            format!("{path}:{line}: error")
        };
        assert!(outcome.err.starts_with(&place), "{place}: {}", outcome.err);
    }
}

#[test]
fn invalid_configuration_is_unusable_input() {
    let file = json!({"cases": []});
    let outcome = test_on(&json!({"issuers": []}), &file, &[]);
    assert_eq!(outcome.status, 2);
    assert!(
        outcome.err.contains("issuers: is an empty list"),
        "{}",
        outcome.err
    );
    let outcome = entragate(
        &["test", "-", "--policy", "/nowhere"],
        &policy().to_string(),
    );
    assert_eq!(outcome.status, 2);
    assert!(
        outcome.err.contains("/nowhere: error: No such file"),
        "{}",
        outcome.err
    );
}
