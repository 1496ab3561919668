//! The dashboard and the alerts in a real Prometheus that scrapes running gateways.

use super::gateway::{Gateway, wait_until};
use super::metrics::{gateway_with_decisions, gateway_with_failures};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testbed::entra::Entra;
use testbed::envoy::{EnvoyConfig, hooks_path, workspace_root};
use testbed::persona::Persona;
use testbed::reqwest::{Client, Method};
use testbed::stub::Stub;

/// The time that Prometheus needs for scrapes and for the alerts without `for`.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Prometheus with the shipped alerts; it ends with the test.
struct Prometheus {
    process: Child,
    url: String,
    client: Client,
    _directory: tempfile::TempDir,
}

fn tool(name: &str) -> PathBuf {
    let own = workspace_root().join(".tools/prometheus").join(name);
    if own.exists() { own } else { name.into() }
}

fn shipped(name: &str) -> PathBuf {
    workspace_root().join("deploy/monitoring").join(name)
}

impl Prometheus {
    fn scraping(gateways: &[&Gateway]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let targets: Vec<String> = gateways.iter().map(|own| instance(own)).collect();
        let configuration = serde_json::json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [shipped("alerts.yaml")],
            "scrape_configs": [{"job_name": "gateway", "metrics_path": "/stats/prometheus",
                                "static_configs": [{"targets": targets}]}],
        });
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, configuration.to_string()).unwrap();
        let mut process = Command::new(tool("prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus: {error}; run: make prometheus"));
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = log.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("msg=\"Listening on\" address=")?;
            Some(address.trim().to_owned())
        });
        // The log is read to its end, so that Prometheus never waits for its reader.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            process,
            url: format!("http://{}", address.expect("Prometheus listens")),
            client: testbed::client::client(),
            _directory: directory,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.url));
        match request.send().await {
            Ok(response) => response.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }

    /// The values of an expression's series now.
    async fn values(&self, expression: &str) -> Vec<f64> {
        let query: String = expression
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let answer = self.get(&format!("/api/v1/query?query={query}")).await;
        assert_ne!(answer["status"], "error", "{expression}: {answer}");
        let series = answer["data"]["result"].as_array().into_iter().flatten();
        let value = |series: &Value| series["value"][1].as_str().unwrap().parse().unwrap();
        series
            .map(value)
            .filter(|value: &f64| !value.is_nan())
            .collect()
    }

    async fn firing(&self) -> BTreeSet<String> {
        let answer = self.get("/api/v1/alerts").await;
        let alerts = answer["data"]["alerts"].as_array().into_iter().flatten();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap().to_owned();
        firing.map(name).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address of a gateway's admin interface: the label `instance` of its metrics.
fn instance(gateway: &Gateway) -> String {
    gateway.envoy.admin_url().replace("http://", "")
}

struct Panel {
    title: String,
    description: String,
    is_collapsed: bool,
    expressions: Vec<String>,
}

fn panels() -> Vec<Panel> {
    let text = fs::read_to_string(shipped("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let read = |panel: &Value, is_collapsed| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        Panel {
            title: panel["title"].as_str().unwrap().to_owned(),
            description: panel["description"].as_str().unwrap_or_default().to_owned(),
            is_collapsed,
            expressions: targets
                .map(|own| own["expr"].as_str().unwrap().to_owned())
                .collect(),
        }
    };
    let mut panels = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        match panel["type"].as_str().unwrap() {
            "row" => {
                assert_eq!(
                    panel["collapsed"],
                    !panel["panels"].as_array().unwrap().is_empty()
                );
                panels.extend(
                    panel["panels"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|own| read(own, true)),
                );
            }
            _ => panels.push(read(panel, false)),
        }
    }
    panels
}

/// An expression as Grafana sends it, with all issuers and rules.
fn filled(expression: &str, instance: &str) -> String {
    expression
        .replace("$instance", &instance.replace('.', r"\\."))
        .replace("$issuer", ".*")
        .replace("$rule", ".*")
        .replace("$__rate_interval", "1m")
}

#[test]
fn shipped_alerts_are_valid() {
    let checked = Command::new(tool("promtool"))
        .args([
            Path::new("check"),
            Path::new("rules"),
            &shipped("alerts.yaml"),
        ])
        .output()
        .unwrap_or_else(|error| panic!("promtool: {error}; run: make prometheus"));
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

#[test]
fn every_panel_has_a_description_that_says_when_a_collapsed_panel_has_data() {
    for panel in panels() {
        let Panel {
            title,
            description,
            is_collapsed,
            ..
        } = panel;
        assert!(description.ends_with('.'), "{title}: {description}");
        assert_eq!(description.starts_with("Filled "), is_collapsed, "{title}");
    }
}

/// A gateway as shipped fills every panel that is not in the collapsed row. A gateway that uses every feature, with failures, fills
/// every panel, and the alerts fire.
#[tokio::test(flavor = "multi_thread")]
async fn every_query_returns_data_in_prometheus() {
    let ops = [
        Stub::start(&["localhost"]).await.unwrap(),
        Stub::start(&["localhost"]).await.unwrap(),
    ];
    let plain = gateway_with_decisions(&ops[0]).await;
    let failing = gateway_with_failures(&ops[1]).await;
    let prometheus = Prometheus::scraping(&[&plain, &failing]);
    let mut wanted: Vec<(String, String)> = Vec::new();
    for panel in panels() {
        for expression in panel.expressions {
            if !panel.is_collapsed {
                wanted.push((panel.title.clone(), filled(&expression, &instance(&plain))));
            }
            wanted.push((
                panel.title.clone(),
                filled(&expression, &instance(&failing)),
            ));
        }
    }
    assert!(wanted.len() > 60, "{}", wanted.len());
    let started = Instant::now();
    while !wanted.is_empty() && started.elapsed() < PATIENCE {
        // Without requests, quantiles and shares are NaN.
        for gateway in [&plain, &failing] {
            gateway.chat(&gateway.token(Persona::Ada)).await;
            gateway.chat("not.a.token").await;
        }
        let mut empty = Vec::new();
        for (title, expression) in wanted {
            if prometheus.values(&expression).await.is_empty() {
                empty.push((title, expression));
            }
        }
        wanted = empty;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(wanted, [], "no data");
    let expected = [
        "EntragateClusterChanged",
        "EntragateCredentialRejected",
        "EntragateExportLosing",
        "EntragateHeldBodiesAtLimit",
    ];
    wait_until("the alerts fire", || async {
        let firing = prometheus.firing().await;
        expected.iter().all(|name| firing.contains(*name))
    })
    .await;
    let rules = prometheus.get("/api/v1/rules").await;
    for rule in rules["data"]["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_the_filter_fires_an_alert() {
    let one = |config: EnvoyConfig| config.concurrency(1).wasm(&hooks_path());
    let gateway = Gateway::cold(Entra::start().await.unwrap(), one).await;
    let token = gateway.token(Persona::Ada);
    assert_eq!(gateway.chat(&token).await.status(), 200);
    let prometheus = Prometheus::scraping(&[&gateway]);
    let counter = "envoy_wasm_entragate_vm_reload_success";
    wait_until("the counter is scraped", || async {
        prometheus.values(counter).await == [0.0]
    })
    .await;
    assert_eq!(prometheus.firing().await, BTreeSet::new());
    let trap = gateway
        .request(Method::GET, "/health")
        .header("x-entragate-test-trap", "1");
    assert!(trap.send().await.unwrap().status().is_server_error());
    wait_until("a new VM serves requests", || async {
        gateway.chat(&token).await.status() == 200
    })
    .await;
    wait_until("the alert fires", || async {
        prometheus.firing().await.contains("EntragateFilterCrashed")
    })
    .await;
}
