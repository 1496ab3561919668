//! Keys in a real Envoy: cold starts, rotation, outages, floods of unknown kids.

use super::gateway::{Gateway, SOON, header, wait_until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::entra::Entra;
use testbed::envoy::EnvoyConfig;
use testbed::fault::Fault;
use testbed::mint::Token;
use testbed::persona::{Persona, REALM_AUDIENCE, REALM_ISSUER, TENANT, issuer_v2};
use testbed::stub::{Answer, Stub};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

fn jwks(config: EnvoyConfig, settings: serde_json::Value) -> EnvoyConfig {
    config.change_policy(|policy| policy["issuers"][0]["jwks"] = settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_cold_start_are_parked_until_keys_arrive() {
    let entra = Entra::start().await.unwrap();
    entra.set_fault(Fault::Delay(Duration::from_secs(1)));
    let gateway = Gateway::cold(entra, |config| config).await;
    let token = gateway.token(Persona::Ada);
    let wrong_tenant = gateway.token(Persona::WrongAudience);
    let (good, bad) = tokio::join!(gateway.chat(&token), gateway.chat(&wrong_tenant));
    assert_eq!(good.status(), 200);
    assert_eq!(header(&bad, "x-error-code"), "audience_mismatch");
    assert_eq!(gateway.hf.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cold_start_without_keys_is_denied_with_keys_unavailable() {
    let entra = Entra::start().await.unwrap();
    entra.set_fault(Fault::Hang);
    let wait = |config: EnvoyConfig| {
        config.change_policy(|policy| policy["wait"] = json!({"timeout": "500ms"}))
    };
    let gateway = Gateway::cold(entra, wait).await;
    let started = Instant::now();
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-error-code"), "keys_unavailable");
    assert_eq!(header(&response, "retry-after"), "2");
    assert_eq!(header(&response, "www-authenticate"), "");
    let waited = started.elapsed();
    assert!(
        waited >= Duration::from_millis(450),
        "the request waited only {waited:?}"
    );
    assert!(gateway.hf.requests().is_empty());
    gateway.entra.set_fault(Fault::None);
    let token = gateway.token(Persona::Ada);
    wait_until("the gateway recovers", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_hangs_up_while_parked_has_no_effect() {
    let entra = Entra::start().await.unwrap();
    entra.set_fault(Fault::Delay(Duration::from_secs(1)));
    let long_wait = |policy: &mut Value| policy["wait"] = json!({"timeout": "10s"});
    let gateway = Gateway::cold(entra, |config| config.change_policy(long_wait)).await;
    let token = gateway.token(Persona::Ada);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-length: 2\r\n\r\n{{}}"
    );
    for _ in 0..20 {
        let mut stream = TcpStream::connect(gateway.envoy.addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
    }
    assert_eq!(gateway.chat(&token).await.status(), 200);
    assert_eq!(
        gateway.chat(&gateway.token(Persona::Nora)).await.status(),
        403
    );
    assert_eq!(
        gateway.hf.requests().len(),
        1,
        "a request whose caller has hung up is not forwarded"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_fails_no_request() {
    let gateway =
        Gateway::with(|config| jwks(config, json!({"cluster": "entra", "cooldown": "1s"}))).await;
    for round in 0..3 {
        gateway.entra.rotate();
        let token = gateway.token(Persona::Ada);
        // Enough concurrent requests for every worker to see the new key, some of them during its fetch.
        let requests: Vec<_> = (0..16).map(|_| gateway.chat_builder(&token)).collect();
        let running: Vec<_> = requests
            .into_iter()
            .map(|request| tokio::spawn(request.send()))
            .collect();
        for request in running {
            let response = request.await.unwrap().unwrap();
            assert_eq!(response.status(), 200, "round {round}");
        }
        gateway.entra.retire();
        let cooled = gateway.entra.jwks_requests();
        tokio::time::sleep(Duration::from_millis(1100)).await; // the cooldown itself
        assert_eq!(
            gateway.entra.jwks_requests(),
            cooled,
            "keys are not fetched without a reason"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_keys_remain_in_use_during_outages() {
    let often = json!({"cluster": "entra", "refresh": "1s", "cooldown": "1s", "timeout": "500ms"});
    let gateway = Gateway::with(|config| jwks(config, often)).await;
    let token = gateway.token(Persona::Ada);
    for fault in [
        Fault::Status(500),
        Fault::Garbage,
        Fault::EmptyKeys,
        Fault::EmptyBody,
        Fault::Reset,
        Fault::Hang,
        Fault::HugeBody(10_000_000),
    ] {
        gateway.entra.set_fault(fault);
        let name = "wasmcustom.entragate.key_fetches.contoso.failed";
        let before = gateway.envoy.stat(name).await.unwrap();
        let failed = || async { gateway.envoy.stat(name).await.unwrap() > before };
        wait_until("a fetch has failed", failed).await;
        for _ in 0..6 {
            assert_eq!(gateway.chat(&token).await.status(), 200, "{fault:?}");
        }
    }
    gateway.entra.set_fault(Fault::None);
    gateway.entra.rotate();
    let token = gateway.token(Persona::Ada);
    wait_until("new keys are fetched", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unknown_kids_trigger_one_fetch() {
    let gateway = Gateway::start().await;
    let before = gateway.entra.jwks_requests();
    let genuine = gateway.token(Persona::Ada);
    let payload_and_signature = genuine.split_once('.').unwrap().1.to_owned();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (client, url) = (gateway.client.clone(), gateway.envoy.url());
            let rest = payload_and_signature.clone();
            tokio::spawn(async move {
                for n in 0..1250 {
                    let header = Token::of(Persona::Ada).header("kid", format!("{task}-{n}"));
                    let token = format!("{}.{rest}", encode(&header.header_value()));
                    let request = client.get(format!("{url}/v1/models")).bearer_auth(token);
                    let response = request.send().await.unwrap();
                    assert_eq!(header_code(&response), "key_unknown");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let fetches = gateway.entra.jwks_requests() - before;
    assert_eq!(
        fetches, 1,
        "one fetch per cooldown for any number of workers"
    );
    assert_eq!(gateway.chat(&genuine).await.status(), 200);
}

fn encode(header: &serde_json::Value) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header.to_string())
}

fn header_code(response: &testbed::reqwest::Response) -> &str {
    header(response, "x-error-code")
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_cluster_is_named_in_the_log() {
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| jwks(config, json!({"cluster": "nobody"}))).await;
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(header(&response, "x-error-code"), "keys_unavailable");
    let is_logged =
        |line: &str| line.contains("contoso") && line.contains("no cluster with this name");
    gateway.envoy.wait_for_log(is_logged, SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn second_provider_is_configured_by_discovery() {
    let discovery = "https://keycloak.contoso.com/realms/ml/.well-known/openid-configuration";
    let realm = json!({
        "name": "realm",
        "oidc": {"issuer": REALM_ISSUER},
        "audiences": [REALM_AUDIENCE],
        "algorithms": ["RS256", "ES256", "EdDSA"],
        "claims": {"roles": "/realm_access/roles"},
        "jwks": {"cluster": "keycloak", "discovery": discovery, "keys_cluster": "keycloak"},
    });
    let entra = Entra::start().await.unwrap();
    let keycloak = entra.clone();
    let gateway = Gateway::cold(entra, |config| {
        let config = config.change_policy(|policy| {
            policy["issuers"].as_array_mut().unwrap().push(realm);
        });
        config.upstream("keycloak", keycloak.addr(), keycloak.is_tls())
    })
    .await;
    let fetched = || async { gateway.envoy.keys_got("realm").await.unwrap_or_default() >= 3 };
    wait_until("every worker has the realm's keys", fetched).await;
    let kim = Token::of(Persona::Kim).claim("realm_access", json!({"roles": ["Model.Query"]}));
    let response = gateway.chat(&gateway.mint(kim)).await;
    assert_eq!(response.status(), 200);
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(response.status(), 200);
}

/// Serves keys as kube-apiserver does: only as one media type, with 406 for clients that do not accept it.
#[tokio::test(flavor = "multi_thread")]
async fn keys_offered_only_as_a_jwk_set_are_fetched() {
    const PATH: &str = "/openid/v1/jwks";
    let entra = Entra::start().await.unwrap();
    let issuer = issuer_v2(TENANT);
    let keys = entra.published_keys();
    let keys = keys
        .iter()
        .map(|key| key.to_entra_jwk("microsoftonline.com", Some(&issuer)));
    let keys = json!({"keys": keys.collect::<Vec<_>>()});
    let server = Stub::start(&["localhost"]).await.unwrap();
    server.answer(PATH, move |request| {
        let accept = request.header("accept").unwrap_or("*/*");
        let mut ranges = accept
            .split(',')
            .filter_map(|range| range.split(';').next());
        if ranges.any(|range| ["*/*", "application/jwk-set+json"].contains(&range.trim())) {
            Answer::bytes(200, keys.to_string()).header("content-type", "application/jwk-set+json")
        } else {
            Answer::bytes(406, "406: Not Acceptable")
        }
    });
    let gateway = Gateway::cold(entra, |config| {
        let uri = format!("https://localhost{PATH}");
        let config = jwks(config, json!({"cluster": "kubernetes", "uri": uri}));
        config.upstream("kubernetes", server.addr(), server.is_tls())
    })
    .await;
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(response.status(), 200);
    assert!(
        !server.requests().is_empty(),
        "the keys were fetched from this server"
    );
}
