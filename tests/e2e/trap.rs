//! A worker's VM that terminates: current and subsequent requests are denied until a new VM is loaded.

use super::gateway::{Gateway, wait_until};
use std::fs;
use testbed::entra::Entra;
use testbed::envoy::{EnvoyConfig, hooks_path, wasm_path};
use testbed::persona::Persona;
use testbed::reqwest::Method;

#[tokio::test(flavor = "multi_thread")]
async fn trapped_vm_denies_and_is_reloaded() {
    // One worker, so that it is the one whose VM traps; it has keys after the first request.
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
        // Neither the one that died nor those behind it, not even the anonymous one.
        let health = gateway
            .request(Method::GET, "/health")
            .send()
            .await
            .unwrap();
        let stranger = gateway.chat("not.a.token").await.status();
        assert_ne!(stranger, 200);
        let came_through = gateway.hf.take_requests();
        let expected = usize::from(health.status() == 200);
        assert_eq!(
            came_through.len(),
            expected,
            "round {round}: {came_through:?}"
        );
        wait_until("a fresh VM serves", || async {
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
    let holds = |file: &std::path::Path| {
        let bytes = fs::read(file).unwrap();
        let needle = b"x-entragate-test-";
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    assert!(holds(&hooks_path()), "what is looked for can be found");
    assert!(!holds(&wasm_path()));
}
