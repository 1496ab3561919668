//! Two VMs of one host: the VM that exports for both terminates.

use super::*;
use strict_host::Call;

const MONITOR: &str = "monitor.contoso.com:443";

fn records(call: &Call) -> Vec<Value> {
    let records: Vec<Value> = serde_json::from_slice(&call.body).unwrap();
    let mut methods: Vec<Value> = records
        .iter()
        .map(|record| record["method"].clone())
        .collect();
    methods.sort_by_key(Value::to_string);
    methods
}

fn exports(gateway: &Gateway) -> Vec<&Call> {
    let calls = gateway.host.calls().iter();
    calls.filter(|call| call.cluster == MONITOR).collect()
}

fn two() -> [Gateway; 2] {
    let mut policy = settings();
    policy["audit"] = json!({"log": "off",
        "export": {"cluster": MONITOR, "uri": "https://monitor.contoso.com/in"}});
    let mut settings = Settings::new(Rules::Envoy, &policy);
    let vm_id = ("plugin_vm_id".to_owned(), b"entragate".to_vec());
    settings.properties.extend([vm_id]);
    let mut gateways = [settings.clone(), settings].map(Gateway::start);
    for gateway in &mut gateways {
        gateway.host.tick();
    }
    gateways
}

/// Advances the time of all workers with their ticks.
fn advance(gateways: &mut [Gateway], secs: u64) {
    for _ in 0..secs * 4 {
        for gateway in &mut *gateways {
            gateway.host.advance(SECOND / 4);
            gateway.publish(&[&key::rsa()]);
        }
    }
}

fn decide(gateway: &mut Gateway, method: &str) {
    let fields = headers(Rules::Envoy, method, "hf.contoso.com", "/health", &[]);
    let id = gateway.host.open(fields, true);
    gateway.host.end(id);
}

#[test]
fn terminated_exporter_loses_no_record() {
    let mut gateways = two();
    advance(&mut gateways, 1);
    decide(&mut gateways[0], "GET");
    decide(&mut gateways[1], "POST");
    advance(&mut gateways, 6);
    let [leader, other] = [exports(&gateways[0]), exports(&gateways[1])];
    let [leader] = leader[..] else {
        panic!("{leader:?}")
    };
    assert_eq!(records(leader), ["GET", "POST"]);
    assert!(other.is_empty(), "{other:?}");
    // Its call is still pending, and will never be answered.
    let [_, survivor] = gateways;
    let mut survivors = [survivor];
    advance(&mut survivors, 1);
    assert!(
        exports(&survivors[0]).is_empty(),
        "the lease has not expired"
    );
    advance(&mut survivors, 2);
    let calls = exports(&survivors[0]);
    assert_eq!(calls.len(), 1);
    assert_eq!(
        records(calls[0]),
        ["GET", "POST"],
        "the records of the terminated VM are included"
    );
    assert!(survivors[0].host.answer(MONITOR, Answer::status(204)));
    advance(&mut survivors, 10);
    assert!(
        exports(&survivors[0]).is_empty(),
        "the records are exported only once"
    );
}
