//! People and applications, as providers distinguish them.

use super::*;

const CLIENT: &str = "0oa1client";

fn kind(more: Value, claims: Value) -> &'static str {
    let is = |kind: &str| {
        let rules = json!([{"name": "kind", "require": {"kind": kind}}]);
        code(&oidc(more.clone(), rules), claims.clone()) == "permitted"
    };
    match (is("user"), is("app")) {
        (true, false) => "user",
        (false, true) => "app",
        (false, false) => "unknown",
        (true, true) => "both",
    }
}

fn preset(name: &str) -> Value {
    json!({"claims": {"kind": {"preset": name}}})
}

#[test]
fn caller_kind_without_preset_is_derived_from_claims() {
    for (claims, expected) in [
        (json!({"sub": "u", "azp": "c"}), "user"),
        (json!({"sub": "c", "azp": "c"}), "app"),
        (json!({"sub": "c"}), "unknown"),
        (json!({"sub": 7, "azp": "c"}), "refused"),
        (
            json!({"sub": "f81d", "azp": "c", "client_id": "c", "preferred_username": "service-account-c"}),
            "app",
        ),
        (
            json!({"sub": "c@clients", "azp": "c", "gty": "client-credentials"}),
            "app",
        ),
        (json!({"sub": "u", "azp": ["c"]}), "unknown"),
    ] {
        let expected = if expected == "refused" {
            "unknown"
        } else {
            expected
        };
        assert_eq!(kind(json!({}), claims.clone()), expected, "{claims}");
    }
}

#[test]
fn preset_classifies_its_providers_tokens() {
    for (name, claims, expected) in [
        (
            "keycloak",
            json!({"sub": "5a9c", "azp": "web", "sid": "s", "preferred_username": "ada"}),
            "user",
        ),
        (
            "keycloak",
            json!({"sub": "f81d", "azp": "job", "client_id": "job", "preferred_username": "service-account-job"}),
            "app",
        ),
        (
            "keycloak",
            json!({"sub": "f81d", "azp": "job", "client_id": "job"}),
            "app",
        ),
        ("keycloak", json!({"sub": "f81d", "azp": "job"}), "unknown"),
        ("auth0", json!({"sub": "auth0|507f", "azp": "web"}), "user"),
        (
            "auth0",
            json!({"sub": "web@clients", "azp": "web", "gty": "client-credentials"}),
            "app",
        ),
        ("auth0", json!({"sub": "web", "azp": "web"}), "unknown"),
        (
            "okta",
            json!({"sub": "ada@contoso.com", "cid": CLIENT, "uid": "00u1"}),
            "user",
        ),
        ("okta", json!({"sub": CLIENT, "cid": CLIENT}), "app"),
        (
            "okta",
            json!({"sub": "ada@contoso.com", "cid": CLIENT}),
            "unknown",
        ),
        (
            "cognito",
            json!({"sub": "aaaa", "client_id": "c1", "username": "ada", "token_use": "access"}),
            "user",
        ),
        (
            "cognito",
            json!({"sub": "c1", "client_id": "c1", "token_use": "access"}),
            "app",
        ),
        (
            "google",
            json!({"sub": "1", "azp": "1", "email": "job@p.iam.gserviceaccount.com"}),
            "app",
        ),
        (
            "google",
            json!({"sub": "1", "azp": "2", "email": "ada@contoso.com"}),
            "user",
        ),
        ("google", json!({"sub": "1", "azp": "2"}), "unknown"),
        (
            "github_actions",
            json!({"sub": "repo:contoso/ml:ref:refs/heads/main"}),
            "app",
        ),
        ("github_actions", json!({"sub": "ada"}), "unknown"),
        (
            "kubernetes",
            json!({"sub": "system:serviceaccount:ml:nightly"}),
            "app",
        ),
        ("kubernetes", json!({"sub": "ada", "azp": "x"}), "unknown"),
    ] {
        assert_eq!(
            kind(preset(name), claims.clone()),
            expected,
            "{name}: {claims}"
        );
    }
}

#[test]
fn mapped_kind_is_unknown_if_none_or_both_match() {
    let more = json!({"claims": {"kind": {
        "app": {"any": [{"claim": {"path": "typ", "equals": "machine"}}, {"claim": {"path": "bot", "equals": true}}]},
        "user": {"all": [{"claim": {"path": "typ", "equals": "human"}}, {"not": {"claim": {"path": "guest", "present": true}}}]},
    }}});
    for (claims, expected) in [
        (json!({"typ": "machine"}), "app"),
        (json!({"bot": true}), "app"),
        (json!({"typ": "human"}), "user"),
        (json!({"typ": "human", "guest": 1}), "unknown"),
        (json!({"typ": "human", "bot": true}), "unknown"),
        (json!({"typ": ["machine"]}), "unknown"),
        // The token says that the claim is elsewhere, or that any claim may be.
        (
            json!({"typ": "human", "_claim_names": {"guest": "src1"}}),
            "unknown",
        ),
        (json!({"typ": "human", "_claim_names": "guest"}), "unknown"),
        (
            json!({"typ": "human", "_claim_names": {"groups": "src1"}}),
            "user",
        ),
        (json!({}), "unknown"),
    ] {
        assert_eq!(kind(more.clone(), claims.clone()), expected, "{claims}");
    }
}
