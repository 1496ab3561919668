//! A security event ends access in a real Envoy: transmitter → `entragate feed --ssf` → feed → filter.

use super::feed_server::{Serving, command};
use super::gateway::{Gateway, header, wait_until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testbed::persona::Persona;
use testbed::transmitter::{AUDIENCE, ISSUER, TOKEN, Transmitter};

#[tokio::test(flavor = "multi_thread")]
async fn event_denies_the_next_requests_until_the_account_is_enabled() {
    let transmitter = Transmitter::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = transmitter.url();
    let settings = json!({
        "state": folder.path().join("state.json"),
        "streams": [{"name": "idp", "poll": format!("{url}/poll"), "jwks": format!("{url}/keys"), "issuer": ISSUER,
            "audience": AUDIENCE, "token": {"env": "SSF_TOKEN"}}],
    });
    let file = folder.path().join("ssf.json");
    std::fs::write(&file, settings.to_string()).unwrap();
    let mut command = command(folder.path());
    let serving = Serving::start(command.arg("--ssf").arg(file).env("SSF_TOKEN", TOKEN));
    let uri = serving.url.clone();
    let address = uri.trim_start_matches("http://").split('/').next();
    let address = address.unwrap().parse().unwrap();
    let gateway = Gateway::with(|config| {
        config.upstream("ops", address, false).change_policy(|policy| {
            policy["revocation"] = json!({"cluster": "ops", "uri": uri, "refresh": "1s", "max_stale": "20s",
                "timeout": "500ms"});
        })
    })
    .await;
    let [ada, ben] = [Persona::Ada, Persona::Ben].map(|persona| gateway.token(persona));
    // Requests on all workers, several times.
    let answers = async |token: &str, code: u16, reason: &str| {
        for _ in 0..8 {
            let response = gateway.chat(token).await;
            if response.status() != code || header(&response, "x-error-code") != reason {
                return false;
            }
        }
        true
    };
    wait_until("the feed is there", || answers(&ada, 200, "")).await;
    let claims = Persona::Ada.claims(testbed::mint::now());
    let subject =
        |claims: &Value| json!({"format": "iss_sub", "iss": ISSUER, "sub": claims["oid"]});
    let sent = Instant::now();
    transmitter.send(
        "risc/event-type/account-disabled",
        json!({}),
        subject(&claims),
    );
    wait_until("the account is denied", || {
        answers(&ada, 401, "token_revoked")
    })
    .await;
    let took = sent.elapsed();
    println!("event to denial by every worker: {took:?}");
    assert!(took < Duration::from_millis(3500), "{took:?}");
    assert!(answers(&ben, 200, "").await, "only that account");
    transmitter.send(
        "risc/event-type/account-enabled",
        json!({}),
        subject(&claims),
    );
    wait_until("the account is permitted", || answers(&ada, 200, "")).await;
    let claims = Persona::Ben.claims(testbed::mint::now());
    let later = json!({"event_timestamp": testbed::mint::now() + 1});
    let device = json!({"format": "opaque", "id": "laptop"});
    let complex = json!({"format": "complex", "user": subject(&claims), "device": device});
    let status = json!({"current_status": "not-compliant", "previous_status": "compliant",
        "event_timestamp": later["event_timestamp"]});
    transmitter.send("caep/event-type/device-compliance-change", status, complex);
    wait_until("earlier tokens are denied", || {
        answers(&ben, 401, "token_revoked")
    })
    .await;
    assert!(answers(&ada, 200, "").await, "only that account");
    assert_eq!(transmitter.errors(), [].into());
    assert_eq!(transmitter.violations(), Vec::<String>::new());
}
