//! Behaviour that only a real host can show: the source of a request, the exact step-up challenge, the protected resource
//! document.

use super::gateway::{Gateway, SOON, chat, header};
use serde_json::{Value, json};
use testbed::client::client_as;
use testbed::envoy::EnvoyConfig;
use testbed::persona::{Persona, TENANT};
use testbed::reqwest::{Method, Response};
use testbed::tls;

/// A policy with a single rule for chat that has this requirement, and `hops` trusted hops.
fn single_rule(require: Value, hops: u64) -> impl FnOnce(EnvoyConfig) -> EnvoyConfig {
    move |config| {
        config.change_policy(|policy| {
            policy["client_address"] = json!({"trusted_hops": hops});
            policy["rules"] = json!([
                {"name": "only", "match": {}, "require": require, "credential": "hf-read"},
            ]);
            policy["replies"]["protected_resource"] =
                json!({"resource": "https://hf.contoso.com", "scopes": ["api://00001111-aaaa-2222-bbbb-3333cccc4444/query"]});
        })
    }
}

async fn forwarded(gateway: &Gateway, value: Option<&str>) -> u16 {
    let request = gateway.chat_builder(&gateway.token(Persona::Ada));
    let request = match value {
        Some(value) => request.header("x-forwarded-for", value),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn source_is_the_connections_address_despite_forwarded_headers() {
    let here = json!({"source": ["127.0.0.0/8"]});
    let gateway = Gateway::with(single_rule(here.clone(), 0)).await;
    assert_eq!(forwarded(&gateway, None).await, 200);
    assert_eq!(forwarded(&gateway, Some("203.0.113.9")).await, 200);
    let gateway = Gateway::with(single_rule(json!({"source": ["203.0.113.0/24"]}), 0)).await;
    assert_eq!(forwarded(&gateway, Some("203.0.113.9")).await, 403);
}

/// Envoy appends its own peer (`use_remote_address: true`), so one proxy in front of it means two hops.
#[tokio::test(flavor = "multi_thread")]
async fn trusted_hops_start_at_envoys_peer() {
    let gateway = Gateway::with(single_rule(json!({"source": ["203.0.113.0/24"]}), 2)).await;
    for (value, status) in [
        (Some("203.0.113.9"), 200),
        (Some("198.51.100.1, 203.0.113.9"), 200),
        (Some("203.0.113.9, 198.51.100.1"), 403),
        (Some("203.0.113.9, nonsense"), 403),
        (None, 403),
    ] {
        assert_eq!(forwarded(&gateway, value).await, status, "{value:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_is_read_from_the_client_certificate() {
    let gateway = Gateway::with(|config| {
        let config =
            single_rule(json!({"peer": "spiffe://contoso.com/ns/*/sa/nightly"}), 0)(config);
        config.document(|document| {
            let chain = &mut document["static_resources"]["listeners"][0]["filter_chains"][0];
            chain["transport_socket"] = with_client_certificates();
        })
    })
    .await;
    let url = format!("{}/v1/chat/completions", gateway.envoy.url());
    let url = url.replace("http://", "https://");
    for (client, status) in [
        (client_as("spiffe://contoso.com/ns/ml/sa/nightly"), 200),
        (client_as("spiffe://contoso.com/ns/ml/sa/other"), 403),
        (gateway.client.clone(), 403),
    ] {
        let request = client.post(&url).json(&chat());
        let request = request.bearer_auth(gateway.token(Persona::Ada));
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

/// A TLS context in which clients may present a certificate from the testbed's CA only.
fn with_client_certificates() -> Value {
    let (certificate, key) = tls::ca().server_pem(&["127.0.0.1"]);
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_certificates": [{
                    "certificate_chain": {"inline_string": certificate},
                    "private_key": {"inline_string": key},
                }],
                "validation_context": {"trusted_ca": {"inline_string": tls::ca().pem()}},
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn step_up_challenge_has_the_form_of_entra_clients() {
    let gateway = Gateway::with(|config| {
        single_rule(json!({"auth_context": "c1"}), 0)(config).change_policy(|policy| {
            policy["replies"] = json!({"detail": "minimal"});
        })
    })
    .await;
    let refused = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(refused.status(), 401);
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
    assert_eq!(
        header(&refused, "www-authenticate"),
        format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize\", \
             error=\"insufficient_claims\", claims=\"{claims}\""
        )
    );
    let record = audit_record(&gateway, &refused).await;
    assert_eq!(record["code"], "step_up_required");
    assert_eq!(record["rule"], "only");
    // A token with the authentication context, and a client that does not support step-up.
    assert_eq!(
        gateway.chat(&gateway.token(Persona::Cora)).await.status(),
        200
    );
    assert_eq!(
        gateway.chat(&gateway.token(Persona::Nora)).await.status(),
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_resource_document_is_served() {
    let gateway = Gateway::with(single_rule(json!({"role": "Model.Query"}), 0)).await;
    let path = "/.well-known/oauth-protected-resource";
    let get = |method| gateway.request(method, path).send();
    let answer = get(Method::GET).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "application/json");
    let record = audit_record(&gateway, &answer).await;
    assert_eq!(
        (&record["code"], &record["upstream_status"]),
        (&json!("metadata"), &Value::Null)
    );
    let document: Value = answer.json().await.unwrap();
    let expected = json!({
        "resource": "https://hf.contoso.com",
        "authorization_servers": [format!("https://login.microsoftonline.com/{TENANT}/v2.0")],
        "scopes_supported": ["api://00001111-aaaa-2222-bbbb-3333cccc4444/query"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document, expected);
    let head = get(Method::HEAD).await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.text().await.unwrap()),
        (200, String::new())
    );
    let refused = get(Method::POST).await.unwrap();
    assert_eq!(refused.status(), 401);
    let metadata = format!("resource_metadata=\"https://hf.contoso.com{path}\"");
    assert_eq!(
        header(&refused, "www-authenticate"),
        format!("Bearer realm=\"hf\", {metadata}")
    );
    let refused = gateway.request(Method::POST, "/v1/chat/completions");
    let nora = gateway.token(Persona::Nora);
    let refused = refused
        .bearer_auth(nora)
        .json(&chat())
        .send()
        .await
        .unwrap();
    let challenge = header(&refused, "www-authenticate");
    assert!(
        challenge.ends_with(&format!(
            "scope=\"api://00001111-aaaa-2222-bbbb-3333cccc4444/query\", {metadata}"
        )),
        "{challenge}"
    );
    assert!(
        gateway.hf.requests().is_empty(),
        "no request reached the endpoint"
    );
}

async fn audit_record(gateway: &Gateway, response: &Response) -> Value {
    let id = header(response, "x-request-id");
    let record = |record: &Value| record["request_id"] == id;
    gateway.envoy.wait_for_audit(record, SOON).await.unwrap()
}
