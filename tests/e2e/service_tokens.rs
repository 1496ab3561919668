//! Service tokens in a real Envoy, obtained from stand-ins for Entra's token endpoint and the instance metadata service, and
//! used to fetch the revocation feed.

use super::gateway::{Gateway, header, wait_until};
use serde_json::{Value, json};
use testbed::entra::Entra;
use testbed::envoy::EnvoyConfig;
use testbed::persona::{BATCH_CLIENT, Persona, TENANT};
use testbed::stub::{Answer, Stub};

const FEED: &str = "/revoked.json";
const IMDS: &str = "/metadata/identity/oauth2/token";

/// Configures a feed that is fetched with service tokens.
fn feed(ops: &Stub, auth: Value) -> impl FnOnce(EnvoyConfig) -> EnvoyConfig {
    let (addr, tls) = (ops.addr(), ops.is_tls());
    let settings = json!({"cluster": "ops", "uri": format!("https://localhost{FEED}"),
        "refresh": "1s", "max_stale": "3s", "auth": auth});
    move |config| {
        config
            .upstream("ops", addr, tls)
            .change_policy(|policy| policy["revocation"] = settings)
    }
}

async fn ops() -> Stub {
    let ops = Stub::start(&["localhost"]).await.unwrap();
    ops.on(FEED, Answer::json(200, &json!({})));
    ops
}

fn managed_identity() -> Value {
    json!({"managed_identity": {"cluster": "imds", "resource": "api://ops"}})
}

/// The answer of the instance metadata service, in which numbers are strings.
fn token_response(token: &str, life: &str) -> Answer {
    let body = json!({"access_token": token, "expires_in": life, "expires_on": "1",
        "token_type": "Bearer", "resource": "api://ops"});
    Answer::json(200, &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_is_fetched_with_client_credentials() {
    let ops = ops().await;
    let entra = Entra::start().await.unwrap();
    let auth = json!({"client_credentials": {"cluster": "entra", "tenant": TENANT,
        "client_id": BATCH_CLIENT, "client_secret": {"env": "OPS_SECRET"},
        "scope": "https://management.azure.com/.default"}});
    let change = feed(&ops, auth);
    let secret = testbed::entra::BATCH_SECRET;
    let gateway = Gateway::cold(entra, |config| change(config.vm_env("OPS_SECRET", secret))).await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(
        gateway.chat(&token).await.status(),
        200,
        "the request waits for the keys and the feed"
    );
    let fetches = ops.requests();
    assert!(!fetches.is_empty());
    for request in fetches {
        let bearer = request.bearer().unwrap_or_default();
        assert_eq!(bearer.split('.').count(), 3, "{request:?}");
    }
    let log = gateway.envoy.log_lines().join("\n");
    assert!(!log.contains(secret) && !log.contains(ops.requests()[0].bearer().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn managed_identity_token_is_renewed_without_a_gap() {
    let (ops, imds) = (ops().await, Stub::start_plain().await.unwrap());
    imds.on(IMDS, token_response("one", "12"));
    let (change, addr) = (feed(&ops, managed_identity()), imds.addr());
    let gateway = Gateway::with(|config| change(config).upstream("imds", addr, false)).await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    let token_requests = imds.take_requests();
    assert!(
        token_requests.len() <= 3,
        "at most one token per VM: {token_requests:?}"
    );
    for request in token_requests {
        assert_eq!(request.header("metadata"), Some("true"));
        assert_eq!(request.host, "169.254.169.254");
        let query = "api-version=2018-02-01&resource=api%3A%2F%2Fops";
        assert_eq!(request.path, format!("{IMDS}?{query}"));
    }
    imds.on(IMDS, token_response("two", "3600"));
    wait_until("the second token is in use", || async {
        assert_eq!(gateway.chat(&token).await.status(), 200);
        let latest = ops.requests().into_iter().rev().take(3);
        latest
            .into_iter()
            .all(|request| request.bearer() == Some("two"))
    })
    .await;
    assert!(imds.requests().len() <= 3, "at most one token per VM");
    let bearers = ops.requests().into_iter();
    let others = bearers.filter(|request| !matches!(request.bearer(), Some("one" | "two")));
    assert_eq!(others.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_denied_until_the_service_token_is_available() {
    let (ops, imds) = (ops().await, Stub::start_plain().await.unwrap());
    imds.on(
        IMDS,
        Answer::json(400, &json!({"error": "invalid_request"})),
    );
    let (change, addr) = (feed(&ops, managed_identity()), imds.addr());
    let gateway = Gateway::with(|config| change(config).upstream("imds", addr, false)).await;
    let token = gateway.token(Persona::Ada);
    let response = gateway.chat(&token).await;
    assert_eq!(response.status(), 502);
    assert_eq!(header(&response, "x-error-code"), "revocation_unavailable");
    assert!(
        ops.requests().is_empty(),
        "the feed is never fetched without a token"
    );
    let failed = "wasmcustom.entragate.lease_fetches.failed";
    assert!(gateway.envoy.stat(failed).await.unwrap() >= 1);
    imds.on(IMDS, token_response("late", "3600"));
    wait_until("all workers have the token", || async {
        for _ in 0..8 {
            if gateway.chat(&token).await.status() != 200 {
                return false;
            }
        }
        true
    })
    .await;
}
