//! The responses of the Entra stand-in have Entra's form.

use std::time::Duration;

use serde_json::Value;
use testbed::{
    client::client,
    entra::{BATCH_SECRET, Entra},
    fault::Fault,
    persona::{AUDIENCE, BATCH_CLIENT, TENANT},
    wait::eventually,
};

async fn get(entra: &Entra, path: &str) -> Value {
    let url = format!("{}{path}", entra.url());
    client()
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

#[tokio::test]
async fn tenant_keys_have_its_issuer_and_no_alg() {
    let entra = Entra::start().await.unwrap();
    let set = get(&entra, &format!("/{TENANT}/discovery/v2.0/keys")).await;
    let key = &set["keys"][0];
    assert_eq!(key["kid"], entra.signing_key().kid());
    assert_eq!(
        key["issuer"],
        format!("https://login.microsoftonline.com/{TENANT}/v2.0")
    );
    assert_eq!(key["cloud_instance_name"], "microsoftonline.com");
    assert!(key["alg"].is_null());
    let v1 = get(&entra, &format!("/{TENANT}/discovery/keys")).await;
    assert!(v1["keys"][0]["issuer"].is_null());
    assert_eq!(entra.jwks_requests(), 2);
}

#[tokio::test]
async fn common_key_set_has_three_kinds_of_keys() {
    let entra = Entra::start_plain().await.unwrap();
    let set = get(&entra, "/common/discovery/v2.0/keys").await;
    let issuers: Vec<_> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["issuer"].as_str().unwrap())
        .collect();
    assert_eq!(
        issuers
            .iter()
            .filter(|issuer| issuer.contains("{tenantid}"))
            .count(),
        2
    );
    assert!(
        issuers
            .iter()
            .any(|issuer| issuer.contains("9188040d-6c67-4c5b-b112-36a304b66dad"))
    );
    assert_eq!(set["keys"][1]["cloud_instance_name"], "microsoftonline.us");
}

#[tokio::test]
async fn discovery_names_the_key_set() {
    let entra = Entra::start().await.unwrap();
    let document = get(&entra, "/common/v2.0/.well-known/openid-configuration").await;
    assert_eq!(
        document["issuer"],
        "https://login.microsoftonline.com/{tenantid}/v2.0"
    );
    assert_eq!(
        document["jwks_uri"],
        "https://login.microsoftonline.com/common/discovery/v2.0/keys"
    );
    let realm = get(&entra, "/realms/ml/.well-known/openid-configuration").await;
    let certs = get(&entra, "/realms/ml/protocol/openid-connect/certs").await;
    assert_eq!(realm["issuer"], "https://keycloak.contoso.com/realms/ml");
    assert!(
        certs["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["alg"].is_string())
    );
    let unknown = client()
        .get(format!("{}/nobody/discovery/v2.0/keys", entra.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 400);
}

#[tokio::test]
async fn rotation_publishes_before_it_retires() {
    let entra = Entra::start_plain().await.unwrap();
    let old = entra.signing_key();
    let new = entra.rotate();
    let kids = async || {
        let set = get(&entra, &format!("/{TENANT}/discovery/v2.0/keys")).await;
        let kids = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    assert_eq!(kids().await, [old.kid(), new.kid()]);
    assert_eq!(entra.signing_key().kid(), new.kid());
    entra.retire();
    assert_eq!(kids().await, [new.kid()]);
}

#[tokio::test]
async fn faults_can_be_set_and_cleared() {
    let entra = Entra::start_plain().await.unwrap();
    let url = format!("{}/{TENANT}/discovery/v2.0/keys", entra.url());
    let patiently = Duration::from_secs(20);
    let ask_for = async |patience| client().get(&url).timeout(patience).send().await;
    let ask = async || ask_for(patiently).await;
    entra.set_fault(Fault::Status(503));
    assert_eq!(ask().await.unwrap().status(), 503);
    entra.set_fault(Fault::EmptyKeys);
    assert_eq!(ask().await.unwrap().text().await.unwrap(), r#"{"keys":[]}"#);
    entra.set_fault(Fault::EmptyBody);
    assert_eq!(ask().await.unwrap().text().await.unwrap(), "");
    entra.set_fault(Fault::Garbage);
    assert!(serde_json::from_slice::<Value>(&ask().await.unwrap().bytes().await.unwrap()).is_err());
    entra.set_fault(Fault::HugeBody(2 << 20));
    assert!(ask().await.unwrap().bytes().await.unwrap().len() > 2 << 20);
    entra.set_fault(Fault::Reset);
    assert!(!ask().await.unwrap_err().is_timeout());
    entra.set_fault(Fault::Hang);
    let briefly = Duration::from_millis(400);
    assert!(ask_for(briefly).await.unwrap_err().is_timeout());
    entra.set_fault(Fault::None);
    assert_eq!(ask().await.unwrap().status(), 200);
    assert_eq!(entra.jwks_requests(), 8);
}

#[tokio::test]
async fn client_credentials_return_a_token_or_an_aadsts_error() {
    let entra = Entra::start().await.unwrap();
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", entra.url());
    let scope = format!("{AUDIENCE}/.default");
    let ask = async |secret: &str, scope: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", BATCH_CLIENT),
            ("client_secret", secret),
            ("scope", scope),
        ];
        let answer = client().post(&url).form(&form).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    let (status, answer) = ask(BATCH_SECRET, &scope).await;
    assert_eq!(
        (status, &answer["token_type"], &answer["expires_in"]),
        (200, &"Bearer".into(), &3599.into())
    );
    assert_eq!(
        answer["access_token"].as_str().unwrap().split('.').count(),
        3
    );

    let (status, answer) = ask("wrong", &scope).await;
    assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()));
    assert!(
        answer["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADSTS7000215: ")
    );
    assert_eq!(answer["error_codes"][0], 7_000_215);

    let (status, answer) = ask(BATCH_SECRET, "openid").await;
    assert_eq!((status, &answer["error"]), (400, &"invalid_scope".into()));
}

#[tokio::test]
async fn dropped_stand_in_closes_its_port() {
    let entra = Entra::start_plain().await.unwrap();
    let url = format!("{}/common/discovery/v2.0/keys", entra.url());
    let twin = entra.clone();
    drop(entra);
    assert!(client().get(&url).send().await.is_ok());
    drop(twin);
    // Aborting is asynchronous, so repeat the request until it fails.
    let closed = eventually(Duration::from_secs(5), async || {
        client().get(&url).send().await.is_err()
    });
    assert!(closed.await);
}
