//! The revocation feed in a real Envoy: it takes effect within `refresh`; outages and invalid responses follow `on_stale`.

use super::gateway::{Gateway, SOON, header, wait_until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::envoy::EnvoyConfig;
use testbed::persona::Persona;
use testbed::stub::{Answer, ResponseFault, Stub};

const PATH: &str = "/revoked.json";

fn feed(ops: &Stub, on_stale: &str) -> impl FnOnce(EnvoyConfig) -> EnvoyConfig {
    let (addr, tls) = (ops.addr(), ops.is_tls());
    let settings = json!({
        "cluster": "ops", "uri": format!("https://localhost{PATH}"), "refresh": "1s",
        "max_stale": "2s", "timeout": "500ms", "on_stale": on_stale,
    });
    move |config| {
        config
            .upstream("ops", addr, tls)
            .change_policy(|policy| policy["revocation"] = settings)
    }
}

async fn ops(answer: Answer) -> Stub {
    let ops = Stub::start(&["localhost"]).await.unwrap();
    ops.on(PATH, answer);
    ops
}

fn good(feed: Value) -> Answer {
    Answer::json(200, &feed)
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_takes_effect_within_refresh_despite_invalid_responses() {
    let ops = ops(good(json!({}))).await;
    let gateway = Gateway::with(feed(&ops, "allow")).await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);

    let oid = Persona::Ada.claims(testbed::mint::now())["oid"].clone();
    ops.on(PATH, good(json!({"oids": [oid]})));
    let since = Instant::now();
    // Requests on all workers, several times.
    wait_until("the revocation is in effect", || async {
        for _ in 0..8 {
            if gateway.chat(&token).await.status() != 401 {
                return false;
            }
        }
        true
    })
    .await;
    let elapsed = since.elapsed();
    assert!(elapsed < Duration::from_millis(2500), "it took {elapsed:?}");
    let response = gateway.chat(&token).await;
    assert_eq!(header(&response, "x-error-code"), "token_revoked");

    for garbage in [
        "{",
        r#"{"oids": []}"#.repeat(2).as_str(),
        r#"{"users": []}"#,
    ] {
        ops.on(PATH, Answer::bytes(200, garbage));
        let name = "wasmcustom.entragate.revocation_fetches.failed";
        let before = gateway.envoy.stat(name).await.unwrap_or_default();
        wait_until("the invalid response was fetched", || async {
            gateway.envoy.stat(name).await.unwrap_or_default() > before
        })
        .await;
        assert_eq!(gateway.chat(&token).await.status(), 401, "{garbage}");
    }
    ops.on(PATH, good(json!({})));
    wait_until("the revocation has ended", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_feed_denies_until_it_recovers() {
    let ops = ops(good(json!({}))).await;
    let gateway = Gateway::with(feed(&ops, "deny")).await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    ops.on(PATH, Answer::default().with(ResponseFault::Hang));
    wait_until("the feed is stale", || async {
        let response = gateway.chat(&token).await;
        header(&response, "x-error-code") == "revocation_unavailable" && response.status() == 502
    })
    .await;
    ops.on(PATH, good(json!({})));
    wait_until("the feed has recovered", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unfetched_feed_permits_with_on_stale_allow_and_is_logged() {
    let ops = ops(Answer::bytes(500, "")).await;
    let gateway = Gateway::with(feed(&ops, "allow")).await;
    let wanted = |line: &str| line.contains("on_stale: allow");
    gateway.envoy.wait_for_log(wanted, SOON).await.unwrap();
    let token = gateway.token(Persona::Ada);
    for _ in 0..4 {
        assert_eq!(gateway.chat(&token).await.status(), 200);
    }
}
