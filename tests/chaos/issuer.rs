//! An issuer that alternates between all faults, presents an untrusted certificate, or rotates its keys frequently.

use super::gateway::{Gateway, header, wait_until};
use super::{assert_sound, pause, rounds};
use serde_json::json;
use std::time::{Duration, Instant};
use testbed::entra::Entra;
use testbed::envoy::EnvoyConfig;
use testbed::fault::Fault;
use testbed::persona::Persona;
use testbed::tls::Ca;

const FAULTS: [Fault; 9] = [
    Fault::None,
    Fault::Hang,
    Fault::Status(503),
    Fault::Garbage,
    Fault::Reset,
    Fault::EmptyKeys,
    Fault::EmptyBody,
    Fault::HugeBody(10_000_000),
    Fault::Delay(Duration::from_millis(300)),
];

fn with_frequent_refresh(config: EnvoyConfig) -> EnvoyConfig {
    config.change_policy(|policy| {
        policy["issuers"][0]["jwks"] =
            json!({"cluster": "entra", "refresh": "1s", "cooldown": "1s", "timeout": "400ms"});
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn flapping_issuer_fails_no_request() {
    let gateway = Gateway::with(with_frequent_refresh).await;
    let (good, other_tenant) = (gateway.token(Persona::Ada), gateway.token(Persona::Gina));
    for round in 0..rounds(2) * FAULTS.len() {
        let fault = FAULTS[round % FAULTS.len()];
        gateway.entra.set_fault(fault);
        for _ in 0..8 {
            assert_eq!(gateway.chat(&good).await.status(), 200, "{fault:?}");
            assert_eq!(gateway.chat(&other_tenant).await.status(), 401, "{fault:?}");
            pause(25).await;
        }
    }
    gateway.entra.set_fault(Fault::None);
    gateway.entra.rotate();
    assert_sound(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_with_an_untrusted_certificate_is_rejected() {
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| {
        with_frequent_refresh(config).document(|document| {
            let clusters = document["static_resources"]["clusters"]
                .as_array_mut()
                .unwrap();
            let entra = clusters
                .iter_mut()
                .find(|cluster| cluster["name"] == "entra")
                .unwrap();
            entra["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
                ["trusted_ca"] = json!({"inline_string": Ca::generate().pem()});
        })
    })
    .await;
    let response = gateway.chat(&gateway.token(Persona::Ada)).await;
    assert_eq!(
        (
            response.status().as_u16(),
            header(&response, "x-error-code")
        ),
        (502, "keys_unavailable")
    );
    assert_eq!(gateway.entra.jwks_requests(), 0);
    assert!(gateway.hf.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn frequent_rotations_cause_no_wrong_decision() {
    let gateway = Gateway::with(with_frequent_refresh).await;
    let first = gateway.token(Persona::Ada);
    let (started, before) = (Instant::now(), gateway.entra.jwks_requests());
    for round in 0..rounds(10) {
        // Generated key pairs are reused after ten rotations, since ten are enough.
        if round < 10 {
            gateway.entra.rotate();
        }
        let token = gateway.token(Persona::Ada);
        for _ in 0..4 {
            let status = gateway.chat(&token).await.status();
            assert!(status == 200 || status == 401, "round {round}: {status}");
        }
        assert_eq!(
            gateway.chat(&first).await.status(),
            200,
            "the old key is still published"
        );
        pause(100).await;
    }
    let seconds = started.elapsed().as_secs() + 1;
    let fetches = gateway.entra.jwks_requests() - before;
    // At most one refresh and one fetch on demand per second, for all VMs together.
    let bound = usize::try_from(seconds).unwrap() * 2 + 2;
    assert!(fetches <= bound, "{fetches} fetches in {seconds} s");
    let token = gateway.token(Persona::Ada);
    wait_until("tokens of the newest key are accepted", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
    gateway.entra.retire();
    wait_until("tokens of a retired key are denied", || async {
        gateway.chat(&first).await.status() == 401
    })
    .await;
    assert_sound(&gateway).await;
}
