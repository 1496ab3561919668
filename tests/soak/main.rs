//! Mixed traffic for a long time: 50,000 identities, rotations, denials, streams. No decision may be wrong, and the memory
//! of Envoy and of the filter must level off. `make soak` runs it for `SOAK_SECONDS`; without that variable (`make test`) it
//! does not run.

#[path = "../e2e/gateway.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod gateway;
mod traffic;

use gateway::Gateway;
use serde_json::json;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testbed::envoy::{EnvoyConfig, hooks_path};
use testbed::keys::{self, Algorithm};
use testbed::persona::{REALM_AUDIENCE, REALM_ISSUER};
use traffic::Traffic;

const CALLERS: usize = 16;
/// The interval between two measurements of memory.
const SAMPLE: Duration = Duration::from_secs(2);
/// The permitted growth after the warm-up, because allocators fluctuate.
const SLACK_KIB: u64 = 16 * 1024;

/// Contoso, and a realm with ECDSA keys, since 50,000 RSA signatures would take minutes.
fn two_issuers(config: EnvoyConfig) -> EnvoyConfig {
    config.wasm(&hooks_path()).change_policy(|policy| {
        policy["issuers"][0]["jwks"] = json!({"cluster": "entra", "refresh": "10s", "cooldown": "1s"});
        policy["issuers"].as_array_mut().unwrap().push(json!({
            "name": "realm", "oidc": {"issuer": REALM_ISSUER}, "audiences": [REALM_AUDIENCE], "algorithms": ["ES256"],
            "claims": {"roles": "/realm_access/roles"},
            "jwks": {"inline": {"keys": [keys::cached(Algorithm::Es256).to_jwk()]}},
        }));
        policy["audit"] = json!({"log": "off"});
    })
}

/// Memory of Envoy, and the maximum of the filter's VMs, in KiB.
#[derive(Clone, Copy)]
struct Memory {
    resident: u64,
    linear: u64,
}

async fn measure(gateway: &Gateway) -> Memory {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.envoy.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let resident = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let mut linear = 0;
    for _ in 0..4 {
        // A separate connection for each request, so that any worker can receive it.
        let client = testbed::client::client();
        let request = client
            .get(gateway.envoy.url())
            .header("x-entragate-test-memory", "1");
        let text = request.send().await.unwrap().text().await.unwrap();
        linear = linear.max(text.parse::<u64>().unwrap() / 1024);
    }
    Memory { resident, linear }
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_traffic_causes_no_wrong_decision_and_no_memory_growth() {
    let Ok(seconds) = std::env::var("SOAK_SECONDS") else {
        println!("soak: not run; make soak runs it");
        return;
    };
    let length = Duration::from_secs(seconds.parse().expect("SOAK_SECONDS must be a number"));
    let gateway = Arc::new(Gateway::with(two_issuers).await);
    let traffic = Arc::new(Traffic::new(&gateway));
    println!(
        "soak: {} identities, {CALLERS} callers, {} s",
        traffic.identities(),
        length.as_secs()
    );
    let end = Instant::now() + length;
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (gateway, traffic) = (gateway.clone(), traffic.clone());
            tokio::spawn(async move { traffic.run(&gateway, caller, end).await })
        })
        .collect();
    let mut samples = Vec::new();
    while Instant::now() < end {
        tokio::time::sleep(SAMPLE).await;
        samples.push(measure(&gateway).await);
        if samples.len().is_multiple_of(5) {
            traffic.rotate(&gateway);
        }
    }
    for caller in callers {
        caller.await.unwrap();
    }
    let (warm, last) = (samples[samples.len() / 3], *samples.last().unwrap());
    let highest = samples[samples.len() / 3..]
        .iter()
        .map(|memory| memory.resident)
        .max()
        .unwrap();
    traffic.report(length);
    println!(
        "soak: Envoy's resident memory {} KiB after a third, {} KiB at the end, {highest} KiB at most in between",
        warm.resident, last.resident,
    );
    println!(
        "soak: the filter's linear memory {} KiB after a third, {} KiB at the end",
        warm.linear, last.linear
    );
    assert!(gateway.envoy.becomes_idle().await, "a request hangs");
    assert_eq!(traffic.wrong(), Vec::<String>::new());
    assert!(
        highest <= warm.resident + SLACK_KIB,
        "Envoy's memory has grown"
    );
    assert!(
        last.linear <= warm.linear + 1024,
        "the filter's memory has grown"
    );
}
