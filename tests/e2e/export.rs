//! Export of audit records from a real Envoy: complete despite faults of the service, consistent with the log, and without
//! delaying requests.

use super::gateway::{Gateway, SOON, header, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use testbed::entra::{BATCH_SECRET, Entra};
use testbed::envoy::EnvoyConfig;
use testbed::persona::{BATCH_CLIENT, Persona, TENANT};
use testbed::stub::{Answer, ResponseFault, Stub};

const PATH: &str = "/in";

pub fn export(monitor: &Stub, settings: Value) -> impl FnOnce(EnvoyConfig) -> EnvoyConfig {
    let (addr, tls) = (monitor.addr(), monitor.is_tls());
    let mut export = json!({"cluster": "monitor", "uri": format!("https://localhost{PATH}"),
        "every": "100ms", "timeout": "500ms"});
    for (name, value) in settings.as_object().unwrap() {
        export[name] = value.clone();
    }
    move |config| {
        config
            .upstream("monitor", addr, tls)
            .change_policy(|policy| policy["audit"]["export"] = export)
    }
}

pub async fn monitor() -> Stub {
    let monitor = Stub::start(&["localhost"]).await.unwrap();
    monitor.on(PATH, Answer::bytes(204, ""));
    monitor
}

/// Returns the records of all calls so far.
pub fn records(monitor: &Stub) -> Vec<Value> {
    let calls = monitor.requests().into_iter();
    calls
        .flat_map(|call| serde_json::from_slice::<Vec<Value>>(&call.body).unwrap())
        .collect()
}

pub fn ids(monitor: &Stub) -> BTreeSet<String> {
    let records = records(monitor).into_iter();
    records
        .map(|record| record["request_id"].as_str().unwrap().to_owned())
        .collect()
}

impl Gateway {
    /// Sends `count` requests. Returns their ids.
    async fn requests(&self, count: usize) -> BTreeSet<String> {
        let token = self.token(Persona::Ada);
        let mut ids = BTreeSet::new();
        for _ in 0..count {
            let response = self.chat(&token).await;
            assert_eq!(response.status(), 200);
            ids.insert(header(&response, "x-request-id").to_owned());
        }
        ids
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_metric_access_log_and_export_agree() {
    let monitor = monitor().await;
    let export = export(&monitor, json!({}));
    let gateway = Gateway::with(|config| export(config.full_access_log())).await;
    let (ada, carl) = (gateway.token(Persona::Ada), gateway.token(Persona::Carl));
    let mut exported = Vec::new();
    for token in [&ada, &carl] {
        let id = header(&gateway.chat(token).await, "x-request-id").to_owned();
        wait_until("the record is exported", || async {
            ids(&monitor).contains(&id)
        })
        .await;
        let found = records(&monitor);
        let found = found.iter().find(|record| record["request_id"] == *id);
        exported.push(found.unwrap().clone());
    }
    for record in exported {
        let id = record["request_id"].clone();
        let logged = gateway
            .envoy
            .wait_for_audit(|record| record["request_id"] == id, SOON);
        assert_eq!(logged.await.unwrap(), record);
        let entry = gateway
            .envoy
            .wait_for_access(|entry| entry["request_id"] == id, SOON);
        let entry = entry.await.unwrap();
        for key in ["oid", "client", "rule", "code", "method", "path"] {
            assert_eq!(entry[key], record[key], "{key} in {entry}");
        }
        let part = |key: &str| record[key].as_str().unwrap().to_owned();
        let (code, issuer, rule) = (part("code"), part("issuer"), part("rule"));
        let line =
            format!(r#"entragate_decisions{{code="{code}",issuer="{issuer}",rule="{rule}"}} 1"#);
        let counted = || async { gateway.envoy.prometheus().await.unwrap().contains(&line) };
        wait_until(&line, counted).await;
    }
    let delivered = "wasmcustom.entragate.export.delivered";
    let counted = || async { gateway.envoy.stat(delivered).await.unwrap() == 2 };
    wait_until("both are counted", counted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_lost_in_any_outage() {
    let monitor = monitor().await;
    let gateway = Gateway::with(export(&monitor, json!({"batch": 5}))).await;
    let mut sent = gateway.requests(6).await;
    let first = sent.clone();
    wait_until("the first records arrive", || async {
        ids(&monitor) == first
    })
    .await;
    let busy = Answer::bytes(429, "").header("retry-after", "1");
    for fault in [
        Answer::bytes(500, ""),
        busy,
        Answer::default().with(ResponseFault::Hang),
        Answer::default().with(ResponseFault::Reset),
        Answer::bytes(403, ""),
    ] {
        monitor.on(PATH, fault);
        monitor.take_requests();
        sent.extend(gateway.requests(6).await);
        wait_until("the export was attempted", || async {
            !monitor.requests().is_empty()
        })
        .await;
    }
    monitor.take_requests();
    monitor.on(PATH, Answer::bytes(204, ""));
    let missing = || -> Vec<String> {
        let arrived = ids(&monitor);
        sent.iter()
            .filter(|id| !first.contains(*id) && !arrived.contains(*id))
            .cloned()
            .collect()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !missing().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(missing(), Vec::<String>::new(), "lost");
    let batches = monitor.requests().into_iter();
    let sizes = batches.map(|call| {
        serde_json::from_slice::<Vec<Value>>(&call.body)
            .unwrap()
            .len()
    });
    assert!(sizes.max().unwrap() <= 5);
    let lost = gateway.envoy.stat("wasmcustom.entragate.export.lost").await;
    assert_eq!(lost.unwrap(), 0);
    let recovered = |line: &str| line.contains("audit export: recovered");
    gateway.envoy.wait_for_log(recovered, SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_service_delays_no_request() {
    let monitor = monitor().await;
    let gateway = Gateway::with(export(&monitor, json!({"batch": 1, "timeout": "60s"}))).await;
    gateway.requests(10).await;
    let (mut well, mut hanging) = (Vec::new(), Vec::new());
    for round in 0..6 {
        let (times, answer) = match round % 2 {
            0 => (&mut well, Answer::bytes(204, "")),
            _ => (&mut hanging, Answer::default().with(ResponseFault::Hang)),
        };
        monitor.on(PATH, answer);
        for _ in 0..30 {
            let began = Instant::now();
            gateway.requests(1).await;
            times.push(began.elapsed());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (well, hanging) = (median(&mut well), median(&mut hanging));
    println!(
        "median duration of a request: {well:?} with a healthy service, {hanging:?} with a hanging one"
    );
    assert!(
        hanging < well * 2 + Duration::from_millis(10),
        "{well:?} {hanging:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_monitor_receives_a_service_token_and_timestamps() {
    let monitor = monitor().await;
    let auth = json!({"client_credentials": {"cluster": "entra", "tenant": TENANT,
        "client_id": BATCH_CLIENT, "client_secret": {"env": "MONITOR_SECRET"},
        "scope": "https://monitor.azure.com//.default"}});
    let path = "/dataCollectionRules/dcr-1/streams/Custom-Entragate_CL";
    let uri = format!("https://localhost{path}?api-version=2023-01-01");
    monitor.on(path, Answer::bytes(204, ""));
    let settings = json!({"format": "azure_monitor", "uri": uri, "auth": auth});
    let change = export(&monitor, settings);
    let entra = Entra::start().await.unwrap();
    let gateway = Gateway::cold(entra, |config| {
        change(config.vm_env("MONITOR_SECRET", BATCH_SECRET))
    })
    .await;
    let sent = gateway.requests(3).await;
    wait_until("the records arrive", || async { ids(&monitor) == sent }).await;
    for record in records(&monitor) {
        assert_eq!(record["TimeGenerated"], record["time"]);
        assert!(record["time"].is_string());
    }
    let call = monitor.requests().remove(0);
    assert_eq!(call.method, "POST");
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(call.bearer().unwrap().split('.').count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn otlp_collector_receives_log_records() {
    let monitor = monitor().await;
    let gateway = Gateway::with(export(&monitor, json!({"format": "otlp"}))).await;
    let sent = gateway.requests(1).await;
    wait_until("the record arrives", || async {
        !monitor.requests().is_empty()
    })
    .await;
    let body: Value = serde_json::from_slice(&monitor.requests()[0].body).unwrap();
    let record = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["body"]["stringValue"], "permit permitted");
    let attributes = record["attributes"].as_array().unwrap();
    let id = attributes
        .iter()
        .find(|attribute| attribute["key"] == "request_id")
        .unwrap();
    assert_eq!(
        Some(&id["value"]["stringValue"]),
        sent.first().map(|id| json!(id)).as_ref()
    );
}
