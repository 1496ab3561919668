//! RFC 8725 §3.8, §3.9, §3.11 and §3.12: valid signatures on tokens for another purpose.

use super::code;
use super::support::*;
use serde_json::{Value, json};
use testbed::keys;
use testbed::mint::Token;
use testbed::persona::Persona;
use testbed::persona::*;

/// Contoso and the realm, and a token of the realm. The keys of both issuers have the same kid.
fn two_issuers() -> (Value, Token) {
    let theirs = keys::other_rsa();
    let mut settings = settings();
    settings["issuers"].as_array_mut().unwrap().push(json!({
        "name": "realm", "oidc": {"issuer": REALM_ISSUER}, "audiences": [REALM_AUDIENCE],
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"inline": {"keys": [theirs.to_jwk()]}},
    }));
    let kim = Token::of(Persona::Kim).claim("realm_access", json!({"roles": ["Model.Query"]}));
    (settings, kim.signed_by(&theirs))
}

#[test]
fn s3_8_issuer_is_compared_byte_for_byte() {
    let issuer = issuer_v2(TENANT);
    for iss in [
        issuer.to_uppercase(),
        issuer.replace("https", "http"),
        format!("{issuer}/"),
        format!(" {issuer}"),
        format!("{issuer}\0"),
        format!("{issuer}#"),
        format!("{issuer}?x"),
        issuer.replace("login.", "login.evil."),
        issuer.replace(".com/", ".com.evil.example/"),
        issuer.replace("https://", "https://user@"),
        issuer.replace(".com/", ".com:443/"),
        issuer.replace('-', "%2d"),
        issuer.replace(TENANT, "common"),
        issuer.replace(TENANT, "organizations"),
        issuer.replace(TENANT, "{tenantid}"),
        issuer.replace("/v2.0", "/v2.0/v2.0"),
        issuer.replace("/v2.0", "/../v2.0"),
        String::new(),
    ] {
        let found = code(&ada().claim("iss", iss.clone()).build());
        assert_eq!(found, "issuer_unknown", "{iss:?}");
    }
    for iss in [json!(null), json!([issuer]), json!({"a": issuer}), json!(7)] {
        assert_eq!(code(&ada().claim("iss", iss).build()), "token_malformed");
    }
    assert_eq!(code(&ada().without("iss").build()), "token_malformed");
}

#[test]
fn s3_8_token_of_one_issuer_is_refused_for_another() {
    let (settings, kim) = two_issuers();
    let code = |token: &Token| Bench::warm(&settings).code(&token.build());
    assert_eq!(code(&kim), "permitted");
    assert_eq!(code(&ada()), "permitted");
    // The realm's key in a token of Contoso, and vice versa.
    let ours = ada().signed_by(&keys::other_rsa());
    assert_eq!(code(&ours), "waiting", "Contoso has no key with this kid");
    assert_eq!(
        code(&ada().forged_by(&keys::other_rsa())),
        "signature_invalid"
    );
    assert_eq!(code(&kim.clone().signed_by(&keys::rsa())), "key_unknown");
    assert_eq!(
        code(&kim.clone().claim("iss", issuer_v2(TENANT))),
        "waiting"
    );
    // Contoso's audience in a token of the realm, and vice versa.
    assert_eq!(code(&kim.claim("aud", AUDIENCE)), "audience_mismatch");
    assert_eq!(
        code(&ada().claim("aud", REALM_AUDIENCE)),
        "audience_mismatch"
    );
}

#[test]
fn s3_8_claims_of_another_issuer_grant_nothing() {
    let (settings, kim) = two_issuers();
    // The realm has its roles in another claim, so Entra's claim `roles` has no effect in its tokens.
    let kim = kim
        .claim("roles", json!(["Model.Query"]))
        .without("realm_access");
    assert_eq!(
        Bench::warm(&settings).code(&kim.build()),
        "rule_unsatisfied"
    );
}

#[test]
fn s3_8_key_of_one_tenant_is_refused_for_another() {
    let mut settings = settings();
    settings["issuers"][0]["entra"]["tenants"] = json!(["*"]);
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let contoso = issuer_v2(TENANT);
    for (key_issuer, moved_code) in [
        // A key for all tenants can sign for any of them.
        (template, "permitted"),
        // Contoso's own key is rejected for other tenants, even if `tid` and `iss` agree.
        (contoso.as_str(), "key_unknown"),
    ] {
        let key = keys::rsa().to_entra_jwk("microsoftonline.com", Some(key_issuer));
        let ask = |token: &Token| {
            let mut bench = Bench::cold(&settings);
            bench.answer(ok(json!({"keys": [key]})));
            bench.code(&token.build())
        };
        assert_eq!(ask(&ada()), "permitted", "{key_issuer}");
        let mixed = ada().claim("iss", issuer_v2(GUEST_TENANT));
        assert_eq!(
            ask(&mixed),
            "token_malformed",
            "{key_issuer}: iss and tid of different tenants"
        );
        let moved = mixed.claim("tid", GUEST_TENANT);
        assert_eq!(
            ask(&moved),
            moved_code,
            "{key_issuer}: iss and tid of another tenant"
        );
    }
}

#[test]
fn s3_8_token_without_subject_is_refused() {
    for subject in [
        json!(null),
        json!(""),
        json!([]),
        json!(7),
        json!({"oid": "x"}),
    ] {
        assert_eq!(
            code(&ada().claim("oid", subject.clone()).build()),
            "token_malformed",
            "{subject}"
        );
    }
    assert_eq!(code(&ada().without("oid").build()), "token_malformed");
}

#[test]
fn s3_9_audience_is_compared_byte_for_byte() {
    for audience in [
        json!(format!("{AUDIENCE} ")),
        json!(&AUDIENCE[..35]),
        json!(format!("{AUDIENCE}0")),
        json!(format!("{AUDIENCE},x")),
        json!(format!("x {AUDIENCE}")),
        json!("api://00001111-aaaa-2222-bbbb-3333cccc4444/.default"),
        json!("API://HF"),
        json!("*"),
        json!(""),
        json!([""]),
        json!([]),
        json!(OTHER_AUDIENCE),
        json!(GRAPH_AUDIENCE),
    ] {
        let found = code(&ada().claim("aud", audience.clone()).build());
        assert_eq!(found, "audience_mismatch", "{audience}");
    }
    assert_eq!(code(&ada().without("aud").build()), "audience_mismatch");
    for audience in [
        json!([[AUDIENCE]]),
        json!([AUDIENCE, null]),
        json!(7),
        json!(true),
    ] {
        assert_eq!(
            code(&ada().claim("aud", audience).build()),
            "token_malformed"
        );
    }
}

#[test]
fn s3_11_token_of_another_typ_is_refused() {
    for typ in [
        "secevent+jwt",
        "logout+jwt",
        "dpop+jwt",
        "entity-statement+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "id_token+jwt",
        "JWS",
        "JOSE",
        "kb+jwt",
        "",
        "application/",
        "application/application/jwt",
    ] {
        let found = code(&ada().header("typ", typ).build());
        assert_eq!(found, "token_for_another_api", "{typ:?}");
    }
}

#[test]
fn s3_12_tokens_of_other_kinds_are_refused_by_their_claims() {
    let (settings, kim) = two_issuers();
    let code = |token: Token| Bench::warm(&settings).code(&token.build());
    assert_eq!(code(Token::of(Persona::IdToken)), "token_for_another_api");
    assert_eq!(code(Token::of(Persona::Graph)), "token_for_another_api");
    assert_eq!(code(Token::of(Persona::Pop)), "token_bound");
    // An ID token issued to the client of our own API.
    let id_token = Token::of(Persona::IdToken).claim("aud", AUDIENCE);
    assert_eq!(code(id_token), "token_for_another_api");
    // A token for Graph, without the nonce that makes its signature unverifiable.
    assert_eq!(
        code(ada().claim("aud", GRAPH_AUDIENCE)),
        "audience_mismatch"
    );
    // A `cnf` claim of any form binds the token to a key, which a bearer does not present.
    for cnf in [json!({}), json!("x"), json!({"x5t#S256": "a"}), json!([])] {
        assert_eq!(
            code(ada().claim("cnf", cnf.clone())),
            "token_bound",
            "{cnf}"
        );
        assert_eq!(code(kim.clone().claim("cnf", cnf)), "token_bound");
    }
}

#[test]
fn token_that_expires_while_parked_is_refused() {
    let mut bench = Bench::cold(&settings());
    let now = bench.now.as_secs();
    // The clock skew of 60 s ends a second from now.
    let (id, ruling) = bench.chat(&ada().claim("exp", now - 59).build());
    assert_eq!(code_of(&ruling), "waiting");
    bench.advance(1);
    bench.answer(jwks(&[&keys::rsa()]));
    assert_eq!(bench.resume_woken(), [(id, "token_expired".into())]);
}

#[test]
fn impossible_times_are_refused() {
    for name in ["exp", "nbf", "iat"] {
        for value in [
            json!("1999999999"),
            json!(-1),
            json!(-0.5),
            json!(1e30),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(true),
            json!([1_999_999_999]),
            json!({"$date": 1}),
        ] {
            let found = code(&ada().claim(name, value.clone()).build());
            assert_eq!(found, "token_malformed", "{name}: {value}");
        }
    }
    for value in [json!(0), json!(0.0), json!(1)] {
        assert_eq!(code(&ada().claim("exp", value).build()), "token_expired");
    }
}
