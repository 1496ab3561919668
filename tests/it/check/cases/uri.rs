//! Findings about URIs of services.

use super::cluster::{LOCAL_VAULT, VAULT_TLS};
use super::*;

pub const CASES: &[Case] = &[
    Case {
        id: "uri_without_tls",
        name: Some("kc"),
        base: ALONE,
        bad: &[("https://kc.example/keys", "http://kc.example/keys")],
        good: &[("https://kc.example/keys", "http://127.0.0.1:8080/keys")],
        line: "http://kc.example/keys",
    },
    Case {
        id: "uri_without_tls",
        name: Some("vault"),
        base: ALONE,
        bad: &[(
            "{name: hf-read, env: HF_READ}",
            "{name: hf-read, http: {cluster: vault, uri: \"http://vault/hf\"}}",
        )],
        good: &[(
            "{name: hf-read, env: HF_READ}",
            "{name: hf-read, http: {cluster: vault, uri: \"https://vault/hf\"}}",
        )],
        line: "http://vault/hf",
    },
    Case {
        id: "uri_without_tls",
        name: Some("vault"),
        base: ENVOY,
        bad: &[("https://vault/v1/hf", "http://vault/v1/hf")],
        // A sidecar on the same machine.
        good: &[
            ("https://vault/v1/hf", "http://vault/v1/hf"),
            (VAULT_TLS, LOCAL_VAULT),
        ],
        line: "http://vault/v1/hf",
    },
    Case {
        id: "uri_without_tls",
        name: Some("outbound|443||login.microsoftonline.com"),
        base: ISTIO,
        bad: &[(
            "jwks: {cluster: \"outbound|443||login.microsoftonline.com\"}",
            "jwks: {cluster: \"outbound|443||login.microsoftonline.com\", uri: \"http://login.microsoftonline.com/keys\"}",
        )],
        // A service in the mesh.
        good: &[(
            "jwks: {cluster: \"outbound|443||login.microsoftonline.com\"}",
            "jwks: {cluster: \"outbound|80||kc.idp.svc.cluster.local\", uri: \"http://kc.idp.svc.cluster.local/keys\"}",
        )],
        line: "http://login.microsoftonline.com/keys",
    },
    Case {
        id: "uri_without_tls",
        name: Some("login.microsoftonline.com:443"),
        base: KONG,
        bad: &[(
            "jwks: {cluster: \"login.microsoftonline.com:443\"}",
            "jwks: {cluster: \"login.microsoftonline.com:443\", uri: \"http://login.microsoftonline.com/keys\"}",
        )],
        good: &[],
        line: "http://login.microsoftonline.com/keys",
    },
    Case {
        id: "feed_uri_without_tls",
        name: Some("feed"),
        base: ALONE,
        bad: &[(
            "credentials:",
            "revocation: {cluster: feed, uri: \"http://feed/x\"}\ncredentials:",
        )],
        good: &[(
            "credentials:",
            "revocation: {cluster: feed, uri: \"https://feed/x\"}\ncredentials:",
        )],
        line: "http://feed/x",
    },
];
