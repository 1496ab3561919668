//! Secrets from the environment.

use super::*;
use crate::credential;
use crate::fetch::callout::form;
use crate::service_auth::auth::Auth;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const ODD: &str = "a b&c=\"d\"%:\u{e9}";

fn fixed(config: &Config) -> &str {
    match &config.credentials[0].source {
        credential::Source::Fixed(value) => value.expose(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn trailing_line_breaks_of_a_variable_are_removed() {
    let config = accepted(&with("/credentials/0/env", json!("LINE_ENDS")));
    assert_eq!(fixed(&config), "hf_environmentsecret");
    let http = json!({"name": "hf-read", "http": {"cluster": "c", "uri": "https://x",
        "headers": {"x-vault-token": {"env": "LINE_ENDS"}}, "auth": {"env": "LINE_ENDS"}}});
    let config = accepted(&with("/credentials/0", http));
    let credential::Source::Polled(store) = &config.credentials[0].source else {
        panic!("it is polled");
    };
    assert_eq!(store.headers[0].1.expose(), "hf_environmentsecret");
    match &store.auth {
        Some(Auth::Fixed(token)) => assert_eq!(token.expose(), "hf_environmentsecret"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn client_secret_of_client_credentials_may_contain_any_character() {
    let credentials = json!({"cluster": "entra", "tenant": TENANT, "client_id": OTHER_TENANT,
        "client_secret": {"env": "ODD_SECRET"}, "scope": "https://graph.microsoft.com/.default"});
    let feed = json!({"cluster": "ops", "uri": "https://ops.example/revoked.json",
        "auth": {"client_credentials": credentials}});
    let config = accepted(&with("/revocation", feed));
    let body = String::from_utf8(config.service_tokens[0].request.body.clone()).unwrap();
    let field = format!("&client_secret={}&", form::escape(ODD));
    assert!(body.contains(&field), "{body}");
}

#[test]
fn client_secret_of_a_token_exchange_may_contain_any_character() {
    let exchange = json!({"name": "hf-read", "token_exchange": {"cluster": "hf",
        "uri": "https://huggingface.co/oauth/token", "client_id": "app:1",
        "client_secret": {"env": "ODD_SECRET"}, "subject_claim": "preferred_username",
        "subject_domains": ["contoso.com"]}});
    let config = accepted(&with("/credentials/0", exchange));
    let credential::Source::Exchanged(exchange) = &config.credentials[0].source else {
        panic!("it is exchanged");
    };
    let basic = exchange
        .authorization
        .expose()
        .strip_prefix("Basic ")
        .unwrap();
    let pair = String::from_utf8(BASE64_STANDARD.decode(basic).unwrap()).unwrap();
    assert_eq!(pair, format!("app%3A1:{}", form::escape(ODD)));
}
