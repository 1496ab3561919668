//! A worker's VM that terminates: current and subsequent requests are denied until a new VM is loaded.

use super::gateway::{Gateway, wait_until};
use std::fs;
use testbed::entra::Entra;
use testbed::envoy::{EnvoyConfig, hooks_path, wasm_path};
use testbed::persona::Persona;
use testbed::reqwest::Method;

#[tokio::test(flavor = "multi_thread")]
async fn trapped_vm_denies_and_is_reloaded() {
    // One worker, so that its VM is the one that traps; it has keys after the first request.
    let one = |config: EnvoyConfig| config.concurrency(1).wasm(&hooks_path());
    let gateway = Gateway::cold(Entra::start().await.unwrap(), one).await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    let permitted = gateway.hf.take_requests().len();
    assert_eq!(permitted, 1);
    for round in 0..3 {
        let trap = gateway
            .request(Method::GET, "/health")
            .header("x-entragate-test-trap", "1");
        let status = trap.bearer_auth(&token).send().await.unwrap().status();
        assert!(status.is_server_error(), "round {round}: {status}");
        // Neither the request that terminated the VM nor the ones after it are forwarded, except for an anonymous request to a
        // new VM.
        let health = gateway
            .request(Method::GET, "/health")
            .send()
            .await
            .unwrap();
        let malformed = gateway.chat("not.a.token").await.status();
        assert_ne!(malformed, 200);
        let forwarded = gateway.hf.take_requests();
        let expected = usize::from(health.status() == 200);
        assert_eq!(forwarded.len(), expected, "round {round}: {forwarded:?}");
        wait_until("a new VM serves requests", || async {
            gateway.chat(&token).await.status() == 200
        })
        .await;
        for request in gateway.hf.take_requests() {
            assert_eq!(request.bearer(), Some(gateway.hf.token().as_str()));
        }
    }
}

#[test]
fn released_filter_has_no_test_hooks() {
    let contains_hooks = |file: &std::path::Path| {
        let bytes = fs::read(file).unwrap();
        let needle = b"x-entragate-test-";
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    assert!(
        contains_hooks(&hooks_path()),
        "the filter with test hooks contains the name"
    );
    assert!(!contains_hooks(&wasm_path()));
}
