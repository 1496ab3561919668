//! Claims at their limits: cases in which the absence, the form or the value of another claim decides.

use crate::support;

use serde_json::{Value, json};
use support::*;
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::*;

/// Returns the code, and the reason in the record.
fn outcome(settings: &Value, token: &Token) -> (String, String) {
    let mut bench = Bench::warm(settings);
    let code = bench.code(&token.build());
    let reason = bench.audit()[0]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (code, reason)
}

fn code(token: &Token) -> String {
    outcome(&settings(), token).0
}

/// The realm in addition to Contoso, as the first or second issuer in the configuration.
fn with_realm(first: bool) -> Value {
    let realm = json!({
        "name": "realm", "oidc": {"issuer": REALM_ISSUER}, "audiences": [REALM_AUDIENCE],
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"inline": {"keys": [keys::cached(keys::Algorithm::Es256).to_jwk()]}},
    });
    let mut settings = settings();
    let issuers = settings["issuers"].as_array_mut().unwrap();
    issuers.insert(if first { 0 } else { 1 }, realm);
    settings
}

#[test]
fn token_with_nonce_is_an_id_token_only_if_it_lacks_grants_or_client() {
    let nonce = ada().claim("nonce", "n");
    let by_role = nonce.clone().without("scp");
    let by_scope = nonce.clone().without("roles");
    assert_eq!(code(&nonce), "permitted");
    assert_eq!(code(&by_role), "permitted");
    assert_eq!(code(&by_scope), "rule_unsatisfied");
    for id_token in [
        by_role.without("roles"),
        nonce.clone().without("azp"),
        by_scope.without("scp"),
    ] {
        assert_eq!(code(&id_token), "token_for_another_api");
    }
    assert_eq!(code(&ada().without("azp")), "permitted");
    for form in [json!(7), json!(["n"]), json!(null)] {
        assert_eq!(code(&ada().claim("nonce", form)), "permitted");
    }
}

#[test]
fn tenant_is_read_from_tid_only() {
    for (token, reason) in [
        (ada().without("tid").claim("TID", TENANT), "not a GUID"),
        (ada().claim("Tid", TENANT), "two tid claims"),
        (ada().claim("tid", "contoso"), "not a GUID"),
        (ada().claim("tid", GUEST_TENANT), "do not match"),
    ] {
        // A key with an `issuer` would reject some of these tokens earlier.
        let mut bench = Bench::cold(&settings());
        bench.answer(ok(json!({"keys": [keys::rsa().to_jwk()]})));
        assert_eq!(bench.code(&token.build()), "token_malformed");
        let recorded = bench.audit()[0]["reason"].to_string();
        assert!(recorded.contains(reason), "{recorded}: not {reason}");
    }
}

#[test]
fn issuer_of_unsupported_form_or_version_is_refused() {
    let v1 = |host: &str| format!("https://{host}/{TENANT}/");
    let v2 = |host: &str| format!("https://{host}/{TENANT}/v2.0");
    let (login, sts) = ("login.microsoftonline.com", "sts.windows.net");
    for (versions, iss, expected) in [
        (json!(["v1", "v2"]), v2(login), "permitted"),
        (json!(["v1", "v2"]), v1("evil.example"), "issuer_unknown"),
        (json!(["v1", "v2"]), v2("evil.example"), "issuer_unknown"),
        (json!(["v1", "v2"]), v1(login), "issuer_unknown"),
        (json!(["v1", "v2"]), v2(sts), "issuer_unknown"),
        (json!(["v1"]), v2(login), "issuer_unknown"),
        (json!(["v2"]), v1(sts), "issuer_unknown"),
        (json!(["v2"]), v2(login), "permitted"),
    ] {
        let mut settings = settings();
        settings["issuers"][0]["entra"]["versions"] = versions.clone();
        let (code, _) = outcome(&settings, &ada().claim("iss", iss.as_str()));
        assert_eq!(code, expected, "{versions}: {iss}");
    }
}

#[test]
fn issuer_is_selected_independently_of_the_configured_order() {
    for first in [true, false] {
        let settings = with_realm(first);
        let kim = Token::of(Persona::Kim).claim("realm_access", json!({"roles": ["Model.Query"]}));
        let mut bench = Bench::warm(&settings);
        assert_eq!(bench.code(&ada().build()), "permitted", "{first}");
        assert_eq!(bench.code(&kim.build()), "permitted", "{first}");
        let foreign_issuer = kim.claim("iss", "https://evil.example/realms/ml");
        assert_eq!(
            bench.code(&foreign_issuer.build()),
            "issuer_unknown",
            "{first}"
        );
    }
}

/// Restricts a rule of these settings to callers of this kind.
fn with_required_kind(mut settings: Value, kind: &str) -> Value {
    settings["rules"] =
        json!([{"name": "r", "match": {}, "require": {"kind": kind}, "credential": "hf-read"}]);
    settings
}

#[test]
fn entra_idtyp_determines_the_caller_kind() {
    for (kind, idtyp, expected) in [
        ("app", "app", "permitted"),
        ("user", "app", "rule_unsatisfied"),
        ("app", "user", "rule_unsatisfied"),
        ("user", "user", "permitted"),
        ("app", "device", "rule_unsatisfied"),
        ("user", "device", "rule_unsatisfied"),
    ] {
        let settings = with_required_kind(settings(), kind);
        let token = ada().claim("idtyp", idtyp);
        assert_eq!(outcome(&settings, &token).0, expected, "{kind} {idtyp}");
    }
}

#[test]
fn subject_determines_the_caller_kind_of_other_providers() {
    for (kind, subject, expected) in [
        ("app", "batch", "permitted"),
        ("user", "batch", "rule_unsatisfied"),
        ("app", "kim", "rule_unsatisfied"),
        ("user", "kim", "permitted"),
    ] {
        let settings = with_required_kind(with_realm(false), kind);
        let token = Token::of(Persona::Kim)
            .claim("azp", "batch")
            .claim("sub", subject);
        assert_eq!(outcome(&settings, &token).0, expected, "{kind} {subject}");
    }
}

#[test]
fn authorization_header_is_limited_in_length() {
    let header = |length: usize| {
        let empty = ada().header("x", "").header_value().to_string().len();
        ada().header("x", "x".repeat(length - empty))
    };
    // Three bytes are four characters of base64url; 4096 characters are allowed.
    assert_eq!(code(&header(3072)), "permitted");
    assert_eq!(code(&header(3073)), "token_malformed");
}

#[test]
fn token_types_and_lengths_follow_the_configuration() {
    let mut settings = settings();
    settings["token"] = json!({"types": ["jose"], "max_bytes": 1_048_576});
    let jose = ada().header("typ", "JOSE");
    assert_eq!(outcome(&settings, &jose).0, "permitted");
    assert_eq!(outcome(&settings, &ada()).0, "token_for_another_api");
    // More than a million bytes, which is the limit of jwt-simple.
    let long = jose.claim("x", "x".repeat(751_000));
    assert!(long.build().len() > 1_000_000);
    assert_eq!(outcome(&settings, &long).0, "permitted");
}
