//! Rules that use a token exchange.

use super::*;

const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The base configuration with a token exchange in its third rule, these tenants and these changes.
fn exchanging(tenants: Value, changes: &[(&str, Value)]) -> Value {
    let mut config = with("/issuers/0/entra/tenants", tenants);
    let exchange = json!({
        "cluster": "c", "uri": "https://huggingface.co/oauth/token", "client_id": "id",
        "client_secret": {"env": "HF_OAUTH_SECRET"}, "subject_claim": "preferred_username",
        "subject_domains": ["contoso.com"],
    });
    set(
        &mut config,
        "/credentials/0",
        json!({"name": "hf-read", "token_exchange": exchange}),
    );
    for (pointer, value) in changes {
        set(&mut config, pointer, value.clone());
    }
    config
}

#[test]
fn token_exchange_requires_issuers_of_one_tenant() {
    let many = || json!([TENANT, OTHER_TENANT]);
    let narrowed = || ("/rules/2/match/issuers", json!(["keycloak"]));
    let require = |requirement| ("/rules/2/require", requirement);
    let keycloak = || json!({"issuer": "keycloak"});
    let role = || json!({"role": "a"});
    for (tenants, changes, is_accepted) in [
        (json!([TENANT]), vec![], true),
        (many(), vec![], false),
        (json!(["*"]), vec![], false),
        (json!([PERSONAL_ACCOUNTS]), vec![], false),
        (many(), vec![narrowed()], true),
        (many(), vec![require(keycloak())], true),
        (
            many(),
            vec![require(json!({"all": [role(), keycloak()]}))],
            true,
        ),
        (
            many(),
            vec![require(json!({"any": [role(), keycloak()]}))],
            false,
        ),
        (
            many(),
            vec![require(json!({"not": {"issuer": "contoso"}}))],
            false,
        ),
        (many(), vec![require(json!({"tenant": TENANT}))], false),
        (
            many(),
            vec![("/rules/2/credential", json!("hf-inline"))],
            true,
        ),
        (
            many(),
            vec![("/rules/2/match/issuers", json!(["keycloak", "contoso"]))],
            false,
        ),
        (many(), vec![("/rules/2/mode", json!("shadow"))], false),
    ] {
        let config = exchanging(tenants, &changes);
        let errors = try_load(&config).map(drop).map_err(|e| e.to_string());
        match is_accepted {
            true => assert_eq!(errors, Ok(()), "{config}"),
            false => {
                let errors = errors.expect_err("accepted");
                assert!(errors.starts_with("rules[2].credential: "), "{errors}");
                assert!(errors.contains("match.issuers"), "{errors}");
            }
        }
    }
}

#[test]
fn anonymous_rule_with_a_token_exchange_is_refused() {
    let anonymous = ("/rules/0/credential", json!("hf-read"));
    let errors = refused(&exchanging(json!([TENANT]), &[anonymous]));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("rules[0].credential: an anonymous rule"),
        "{errors:?}"
    );
}
