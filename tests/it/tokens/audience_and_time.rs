//! The claims of a token: times, issuer, tenant, audience, client.

use super::*;

#[test]
fn token_times_are_exact_at_their_limits() {
    let mut bench = Bench::warm(&settings());
    let now = bench.now.as_secs();
    // The default clock skew is 60 s.
    for (name, value, code) in [
        ("exp", json!(now - 59), "permitted"),
        ("exp", json!(now - 60), "token_expired"),
        ("exp", json!(now as f64 + 0.5), "permitted"),
        ("nbf", json!(now + 60), "permitted"),
        ("nbf", json!(now + 61), "token_not_yet_valid"),
        ("iat", json!(now + 61), "token_not_yet_valid"),
        ("exp", json!("tomorrow"), "token_malformed"),
        ("exp", json!(-1), "token_malformed"),
        ("exp", json!(1e300), "token_malformed"),
        ("exp", json!(u64::MAX), "token_malformed"),
        ("nbf", json!([1]), "token_malformed"),
        ("nbf", json!(null), "permitted"),
    ] {
        let token = ada().claim(name, value.clone());
        assert_eq!(bench.code(&token.build()), code, "{name}: {value}");
    }
    assert_eq!(bench.code(&ada().without("exp").build()), "token_malformed");
    assert_eq!(
        bench.code(&ada().without("nbf").without("iat").build()),
        "permitted"
    );
}

#[test]
fn token_longer_than_max_lifetime_is_refused() {
    let mut settings = settings();
    settings["token"] = json!({"max_lifetime": "1h"});
    let mut bench = Bench::warm(&settings);
    let now = bench.now.as_secs();
    let of = |lifetime: u64| ada().claim("iat", now).claim("exp", now + lifetime).build();
    assert_eq!(bench.code(&of(3600)), "permitted");
    assert_eq!(bench.code(&of(3601)), "token_lifetime");
    let undated = ada().without("iat").without("nbf").build();
    assert_eq!(bench.code(&undated), "token_lifetime");
}

#[test]
fn tenant_that_is_not_allowed_is_named_by_its_id() {
    let mut bench = Bench::warm(&settings());
    let token = ada().claim("iss", issuer_v2(GUEST_TENANT)).build();
    assert_eq!(bench.code(&token), "tenant_not_allowed");
    let reason = bench.audit()[0]["reason"].to_string();
    let expected = format!("from tenant '{GUEST_TENANT}', which");
    assert!(reason.contains(&expected), "{reason}");
}

#[test]
fn wrong_issuer_tenant_or_audience_is_refused() {
    let slash = format!("{AUDIENCE}/");
    for (name, value, code) in [
        ("iss", json!(issuer_v2(GUEST_TENANT)), "tenant_not_allowed"),
        (
            "iss",
            json!(issuer_v2(TENANT).to_uppercase()),
            "issuer_unknown",
        ),
        (
            "iss",
            json!(format!("{}/", issuer_v2(TENANT))),
            "issuer_unknown",
        ),
        (
            "iss",
            json!("https://login.microsoftonline.com/{tenantid}/v2.0"),
            "issuer_unknown",
        ),
        (
            "iss",
            json!("https://login.microsoftonline.us/x/v2.0"),
            "issuer_unknown",
        ),
        ("iss", json!(null), "token_malformed"),
        ("iss", json!(issuer_v1(TENANT)), "permitted"),
        ("tid", json!(GUEST_TENANT), "key_unknown"),
        ("tid", json!(null), "key_unknown"),
        ("TID", json!(TENANT), "token_malformed"),
        ("aud", json!(["x", AUDIENCE]), "permitted"),
        ("aud", json!(AUDIENCE_URI), "permitted"),
        (
            "aud",
            json!(format!("{AUDIENCE_URI}/")),
            "audience_mismatch",
        ),
        ("aud", json!(slash), "audience_mismatch"),
        ("aud", json!([]), "audience_mismatch"),
        ("aud", json!([AUDIENCE, 1]), "token_malformed"),
        ("aud", json!({"x": AUDIENCE}), "token_malformed"),
        ("oid", json!(null), "token_malformed"),
        ("oid", json!(""), "token_malformed"),
        ("roles", json!({"x": 1}), "rule_unsatisfied"),
        ("roles", json!("Model.Query"), "permitted"),
        ("cnf", json!({"jwk": {}}), "token_bound"),
    ] {
        let token = ada().claim(name, value.clone());
        let code_now = Bench::warm(&settings()).code(&token.build());
        assert_eq!(code_now, code, "{name}: {value}");
    }
    assert_eq!(
        Bench::warm(&settings()).code(&ada().without("aud").build()),
        "audience_mismatch"
    );
}

#[test]
fn unlisted_client_is_refused() {
    let mut settings = settings();
    settings["issuers"][0]["clients"] = json!([NOTEBOOK_CLIENT]);
    assert_eq!(Bench::warm(&settings).code(&ada().build()), "permitted");
    let batch = Token::of(Persona::Batch).build();
    assert_eq!(Bench::warm(&settings).code(&batch), "client_not_allowed");
}

#[test]
fn guid_clients_and_audiences_are_compared_case_insensitively() {
    const CLIENT: &str = "75dbe77f-aaaa-4222-8333-444444444444";
    let mut settings = settings();
    settings["issuers"][0]["clients"] = json!([CLIENT.to_uppercase(), "Named"]);
    settings["issuers"][0]["audiences"] = json!([AUDIENCE.to_uppercase(), AUDIENCE_URI]);
    for (client, code) in [
        (CLIENT, "permitted"),
        ("Named", "permitted"),
        ("named", "client_not_allowed"),
        ("75dbe77f-aaaa-4222-8333-444444444445", "client_not_allowed"),
    ] {
        let token = ada().claim("azp", client).build();
        assert_eq!(Bench::warm(&settings).code(&token), code, "{client}");
    }
    let other = ada()
        .claim("azp", CLIENT)
        .claim("aud", AUDIENCE_URI.to_uppercase())
        .build();
    assert_eq!(Bench::warm(&settings).code(&other), "audience_mismatch");
}

#[test]
fn client_claim_depends_on_the_token_version() {
    const LISTED: &str = "aaaaaaaa-1111-4222-8333-444444444444";
    const OTHER: &str = "bbbbbbbb-1111-4222-8333-444444444444";
    let mut settings = settings();
    settings["issuers"][0]["clients"] = json!([LISTED]);
    for (iss, azp, appid, code) in [
        (issuer_v1(TENANT), LISTED, OTHER, "client_not_allowed"),
        (issuer_v1(TENANT), OTHER, LISTED, "permitted"),
        (issuer_v2(TENANT), LISTED, OTHER, "permitted"),
        (issuer_v2(TENANT), OTHER, LISTED, "client_not_allowed"),
    ] {
        let token = ada().claim("iss", iss.clone()).claim("azp", azp);
        let token = token.claim("appid", appid).build();
        assert_eq!(Bench::warm(&settings).code(&token), code, "{iss}");
    }
    let v1_by_azp = ada().claim("iss", issuer_v1(TENANT)).claim("azp", LISTED);
    assert_eq!(
        Bench::warm(&settings).code(&v1_by_azp.build()),
        "client_not_allowed"
    );
}
