//! All errors are reported in one pass, without errors that are only a consequence of another error.

use super::*;

#[test]
fn all_errors_are_reported_in_one_pass() {
    let config = yaml(
        r#"
issuers:
- name: contoso
  entra: {tenants: [contoso.com], cloud: publik}
  audiences: []
  jwks: {cluster: entra, refesh: 1h, timeout: 5 s}
- entra: {tenants: ["*"]}
  audiences: [a]
  jwks: {cluster: 5}
token: {max_bytes: 0, clock_skew: 1 minute}
credentials:
- {name: hf-read, env: NOT_THERE}
rules:
- {name: Health, anonymous: true, match: {paths: [/health]}}
- {name: a, require: {all: [{role: x}, {rule: y}, {group: ""}]}, credential: hf-raed}
- {name: b, require: {role: x}}
"#,
    );
    let errors = refused(&config);
    let expected = [
        "credentials[0].env: the environment variable \"NOT_THERE\" is not set",
        "issuers[0].audiences: is an empty list",
        "issuers[0].entra.cloud: \"publik\" is not a known choice; did you mean \"public\"?",
        "issuers[0].entra.tenants[0]: \"contoso.com\" is not a valid tenant id",
        "issuers[0].jwks.refesh: unknown field; did you mean \"refresh\"?",
        "issuers[0].jwks.timeout: \"5 s\" is not a valid duration",
        "issuers[1].jwks.cluster: must be a string, but is a number; write it in quotes",
        "issuers[1].name: is required; add it",
        "rules[0].name: \"Health\" is not a valid name",
        "rules[1].credential: no credential is named \"hf-raed\"; did you mean \"hf-read\"?",
        "rules[1].require.all[1]: \"rule\" is not a known choice; did you mean \"role\"?",
        "rules[1].require.all[2].group: is an empty string",
        "rules[2].credential: is required in an allow rule",
        "token.clock_skew: \"1 minute\" is not a valid duration",
        "token.max_bytes: is out of range",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\nnot {expected}");
    }
    // One error per line.
    let text = try_load(&config).unwrap_err().to_string();
    assert_eq!(text.lines().count(), expected.len());
}

#[test]
fn error_that_is_a_consequence_of_another_is_not_reported() {
    for (pointer, value, path) in [
        // References to items that could not be read.
        ("/credentials", json!(5), "credentials"),
        ("/credentials/0", json!("hf-read"), "credentials[0]"),
        ("/credentials/0/name", json!(5), "credentials[0].name"),
        ("/credentials/0/name", Value::Null, "credentials[0].name"),
        // Invalid names can still be referred to.
        ("/issuers/0/oidc", json!([]), "issuers[0].oidc"),
        // A value that could not be read is neither missing nor empty.
        ("/issuers/0/jwks", json!("entra"), "issuers[0].jwks"),
        ("/issuers/1/jwks/uri", json!(5), "issuers[1].jwks.uri"),
        ("/issuers/1/oidc", json!("https://x"), "issuers[1].oidc"),
        ("/rules/2", json!([]), "rules[2]"),
        ("/rules/2/require", json!({"an": []}), "rules[2].require"),
        ("/credentials/0/env", json!(5), "credentials[0].env"),
        (
            "/token/headers",
            json!([{"scheme": "Bearer"}]),
            "token.headers[0].name",
        ),
    ] {
        let errors = refused(&with(pointer, value));
        assert_eq!(errors.len(), 1, "{pointer}: {errors:#?}");
        assert!(errors[0].starts_with(&format!("{path}: ")), "{errors:#?}");
    }
    // A mistyped field name is the cause of the missing field.
    for (object, right, wrong) in [
        ("", "issuers", "isuers"),
        ("", "credentials", "credential"),
        ("/issuers/0", "entra", "entre"),
        ("/issuers/0", "audiences", "audience"),
        ("/issuers/0/jwks", "cluster", "clusters"),
        ("/credentials/0", "name", "nmae"),
        ("/credentials/0", "env", "evn"),
        ("/rules/2", "require", "requires"),
        ("/rules/2", "credential", "credentials"),
        ("/rules/0", "match", "matches"),
    ] {
        let mut config = base();
        let members = config.pointer_mut(object).unwrap().as_object_mut().unwrap();
        let value = members.remove(right).unwrap();
        members.insert(wrong.into(), value);
        let errors = refused(&config);
        assert_eq!(errors.len(), 1, "{object}/{wrong}: {errors:#?}");
        assert!(
            errors[0].contains(&format!("did you mean \"{right}\"?")),
            "{errors:#?}"
        );
    }
}

#[test]
fn complete_example_is_accepted() {
    accepted(&yaml(EXAMPLE));
}

/// The complete example.
const EXAMPLE: &str = include_str!("example.yaml");
