//! Exchanged credentials of several people in a real Envoy.

use super::credentials::{credential, credentials_in, stat};
use super::gateway::{Gateway, header, wait_until};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testbed::envoy::EnvoyConfig;
use testbed::hf::HuggingFace;
use testbed::persona::Persona;
use testbed::recorded::Recorded;
use testbed::stub::{Answer, ResponseFault, Stub};

const TOKEN_PATH: &str = "/oauth/token";

/// A stand-in for Hugging Face's token endpoint: each exchange returns a new token, which the endpoint then accepts.
fn issue(hf: HuggingFace, lifetime: u64) -> impl Fn(&Recorded) -> Answer {
    let issued = AtomicUsize::new(0);
    move |request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let fields: BTreeMap<_, _> = body.split('&').filter_map(|f| f.split_once('=')).collect();
        let subject = fields.get("subject_token").copied().unwrap_or_default();
        let name = subject.split('%').next().unwrap_or_default();
        if name == "nora" {
            return Answer::json(400, &json!({"error": "invalid_grant"}));
        }
        let number = issued.fetch_add(1, Ordering::Relaxed);
        let token = format!("token-of-{name}-{number}");
        hf.accept(&token);
        Answer::json(
            200,
            &json!({"access_token": token, "token_type": "bearer", "expires_in": lifetime}),
        )
    }
}

fn exchange(service: &Stub, change: Value) -> impl Fn(EnvoyConfig) -> EnvoyConfig + use<> {
    let mut exchange = json!({
        "cluster": "hf-oauth", "uri": format!("https://localhost{TOKEN_PATH}"),
        "client_id": "app", "client_secret": {"env": "HF_OAUTH_SECRET"},
        "subject_claim": "preferred_username", "subject_domains": ["contoso.com"],
        "scopes": ["read-endpoints"],
    });
    for (name, value) in change.as_object().unwrap() {
        exchange[name] = value.clone();
    }
    let change = credential("hf-per-user", service, json!({"token_exchange": exchange}));
    move |config| {
        // Each worker exchanges tokens separately, so one worker makes the count exact.
        change(config)
            .concurrency(1)
            .vm_env("HF_OAUTH_SECRET", "oauth-secret")
            .change_policy(|policy| {
                policy["rules"] = json!([{
                    "name": "people", "match": {}, "require": {"issuer": "contoso"},
                    "credential": "hf-per-user",
                }]);
            })
    }
}

/// Returns a gateway with token exchange, and the token endpoint.
pub async fn exchanging(lifetime: u64, change: Value) -> (Gateway, Stub) {
    let endpoint = Stub::start(&["localhost"]).await.unwrap();
    let entra = testbed::entra::Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, exchange(&endpoint, change)).await;
    gateway.hf.set_accepted(Vec::<String>::new());
    endpoint.answer(TOKEN_PATH, issue(gateway.hf.clone(), lifetime));
    gateway.wait_for_vms_with_keys(2).await;
    (gateway, endpoint)
}

/// Returns the token with which a person's request reaches the endpoint.
async fn token_sent_for(gateway: &Gateway, persona: Persona) -> String {
    gateway.hf.take_requests();
    let response = gateway.chat(&gateway.token(persona)).await;
    assert_eq!(response.status(), 200, "{persona}");
    let requests = gateway.hf.take_requests();
    let mut credentials_in = credentials_in(&requests).into_iter();
    credentials_in.next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanged_token_is_reused_and_renewed_before_it_expires() {
    let (gateway, endpoint) = exchanging(8, json!({})).await;
    let people = [Persona::Ada, Persona::Cora, Persona::Olga];
    let mut first = Vec::new();
    for persona in people {
        let token = token_sent_for(&gateway, persona).await;
        assert!(
            token.starts_with(&format!("token-of-{persona}-")),
            "{token}"
        );
        first.push(token);
    }
    for (persona, token) in people.into_iter().zip(&first) {
        assert_eq!(&token_sent_for(&gateway, persona).await, token);
    }
    let exchanges = endpoint.requests();
    assert_eq!(exchanges.len(), 3, "there is one exchange per person");
    assert_eq!(exchanges[0].method, "POST");
    // app:oauth-secret
    assert_eq!(
        exchanges[0].header("authorization"),
        Some("Basic YXBwOm9hdXRoLXNlY3JldA==")
    );
    // No exchange fails, and the token is renewed before it expires.
    let ada = Persona::Ada;
    wait_until("the token is renewed", || async {
        token_sent_for(&gateway, ada).await != first[0]
    })
    .await;
    let renewed = token_sent_for(&gateway, ada).await;
    assert!(renewed.starts_with("token-of-ada-"), "{renewed}");
    assert_eq!(stat(&gateway, "exchanges.hf-per-user.failed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_of_one_person_share_one_exchange() {
    let (gateway, endpoint) = exchanging(3600, json!({})).await;
    let issue = issue(gateway.hf.clone(), 3600);
    // The delay lets all requests arrive during the exchange.
    let delay = ResponseFault::Delay(Duration::from_millis(500));
    endpoint.answer(TOKEN_PATH, move |request| issue(request).with(delay));
    let token = gateway.token(Persona::Ada);
    let requests: Vec<_> = (0..32)
        .map(|_| tokio::spawn(gateway.chat_builder(&token).send()))
        .collect();
    let mut statuses = BTreeSet::new();
    for request in requests {
        statuses.insert(request.await.unwrap().unwrap().status().as_u16());
    }
    assert_eq!(statuses, BTreeSet::from([200]));
    assert_eq!(endpoint.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn least_recently_used_token_is_evicted() {
    let (gateway, endpoint) = exchanging(3600, json!({"entries": 2})).await;
    let ada = token_sent_for(&gateway, Persona::Ada).await;
    let cora = token_sent_for(&gateway, Persona::Cora).await;
    token_sent_for(&gateway, Persona::Olga).await;
    assert_eq!(token_sent_for(&gateway, Persona::Cora).await, cora);
    assert_ne!(token_sent_for(&gateway, Persona::Ada).await, ada, "evicted");
    assert_eq!(endpoint.requests().len(), 4);
    wait_until("the eviction is counted", || async {
        stat(&gateway, "exchanges.hf-per-user.evicted").await == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn non_member_is_denied_and_an_outage_is_a_gateway_error() {
    let (gateway, endpoint) = exchanging(3600, json!({})).await;
    let response = gateway.chat(&gateway.token(Persona::Nora)).await;
    assert_eq!(response.status(), 403);
    assert_eq!(header(&response, "x-error-code"), "not_a_member");
    let message = header(&response, "x-error-message").to_owned();
    assert!(
        message.contains("does not belong to a member of the organization"),
        "{message}"
    );
    let response = gateway.chat(&gateway.token(Persona::Batch)).await;
    assert_eq!(header(&response, "x-error-code"), "not_a_member");
    endpoint.on(
        TOKEN_PATH,
        Answer::json(401, &json!({"error": "invalid_client"})),
    );
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-error-code"), "credential_unavailable");
    let line = |line: &str| line.contains("answered 401 invalid_client");
    gateway
        .envoy
        .wait_for_log(line, super::gateway::SOON)
        .await
        .unwrap();
    assert!(
        gateway.hf.requests().is_empty(),
        "no request reached the endpoint"
    );
}
