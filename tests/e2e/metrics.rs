//! Metrics in Prometheus: labels, gauges, and that the dashboard and the alerts use existing metrics.

use super::gateway::{Gateway, SOON, wait_until};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use testbed::client::raw_http;
use testbed::entra::BATCH_SECRET;
use testbed::envoy::{EnvoyConfig, workspace_root};
use testbed::persona::{BATCH_CLIENT, Persona, SCIENTISTS_GROUP, TENANT};
use testbed::reqwest::Method;
use testbed::stub::{Answer, Stub};

/// Metric families by name, with the names of their labels.
type Families = BTreeMap<String, BTreeSet<String>>;

/// A feed and a directory, both empty and served by the stub.
fn revocation(ops: &Stub) -> Value {
    ops.on("/revoked.json", Answer::json(200, &json!({})));
    for collection in ["users", "servicePrincipals"] {
        let path = format!("/v1.0/{collection}/delta");
        let link = format!("https://graph.microsoft.com{path}?$deltatoken=a");
        let page = json!({"value": [], "@odata.deltaLink": link});
        ops.on(&path, Answer::json(200, &page));
    }
    json!({
        "feed": {"cluster": "ops", "uri": "https://localhost/revoked.json"},
        "graph": {"cluster": "ops", "issuer": "contoso", "auth": {"env": "GRAPH_TOKEN"}},
    })
}

/// A gateway that has made permit, deny and anonymous decisions.
pub async fn gateway_with_decisions(ops: &Stub) -> Gateway {
    let (addr, tls) = (ops.addr(), ops.is_tls());
    let revocation = revocation(ops);
    let gateway = Gateway::with(|config: EnvoyConfig| {
        let config = config.vm_env("GRAPH_TOKEN", "token");
        let config = config.upstream("ops", addr, tls);
        config.change_policy(|policy| policy["revocation"] = revocation)
    })
    .await;
    let (ada, carl) = (gateway.token(Persona::Ada), gateway.token(Persona::Carl));
    assert_eq!(gateway.chat(&ada).await.status(), 200);
    assert_eq!(gateway.chat(&carl).await.status(), 403);
    let health = gateway.request(Method::GET, "/health").send().await;
    assert_eq!(health.unwrap().status(), 200);
    let bare = gateway.request(Method::GET, "/v1/models").send().await;
    assert_eq!(bare.unwrap().status(), 401);
    gateway
}

/// A gateway that uses every feature with metrics and meets the conditions of the alerts: the credential is rejected, Graph is
/// unavailable, exported records are rejected, a body does not arrive, and a route leads to another cluster after the decision.
pub async fn gateway_with_failures(ops: &Stub) -> Gateway {
    let (addr, tls) = (ops.addr(), ops.is_tls());
    let revocation = revocation(ops);
    ops.on("/token", Answer::bytes(200, "value-1"));
    ops.on("/in", Answer::bytes(400, ""));
    ops.on("/v1/moved", Answer::bytes(204, ""));
    let claims = Persona::Olga.claims(testbed::mint::now());
    let olga = claims["oid"].as_str().unwrap();
    let groups = format!("/v1.0/users/{olga}/checkMemberGroups");
    ops.on(&groups, Answer::bytes(503, ""));
    let gateway = Gateway::with(|config: EnvoyConfig| {
        let config = config.upstream("ops", addr, tls);
        let mut limit = super::quotas::limit(1, "3600s");
        let ben = Persona::Ben.claims(testbed::mint::now())["oid"].clone();
        limit["typed_config"]["descriptors"][0]["entries"][0]["value"] = ben;
        let config = super::quotas::with_filter(config, limit);
        let config = config.connection_manager(|manager| {
            let routes = &mut manager["route_config"]["virtual_hosts"][0]["routes"];
            let header = json!([{"name": "x-entra-oid", "present_match": true}]);
            let matches = json!({"path": "/v1/moved", "headers": header});
            let moved = json!({"match": matches, "route": {"cluster": "ops"}});
            routes.as_array_mut().unwrap().insert(0, moved);
        });
        config
            .vm_env("GRAPH_SECRET", BATCH_SECRET)
            .vm_env("GRAPH_TOKEN", "token")
            .change_policy(|policy| {
                policy["revocation"] = revocation;
                policy["audit"]["export"] =
                    json!({"cluster": "ops", "uri": "https://localhost/in", "every": "100ms"});
                policy["credentials"] = json!([{"name": "hf-read",
                "clusters": ["huggingface"],
                "http": {"cluster": "ops", "uri": "https://localhost/token"}}]);
                policy["issuers"][0]["groups_overage"] = json!({"graph": {"cluster": "ops",
                "auth": {"client_credentials": {"cluster": "entra", "tenant": TENANT,
                    "client_id": BATCH_CLIENT, "client_secret": {"env": "GRAPH_SECRET"},
                    "scope": "https://graph.microsoft.com/.default"}}}});
                policy["limits"] = json!({"inspection_timeout": "100ms"});
                let rules = policy["rules"].as_array_mut().unwrap();
                rules.push(json!({"name": "members",
                "match": {"paths": ["/v1/**"]}, "require": {"group": SCIENTISTS_GROUP},
                "credential": "hf-read"}));
                rules.push(
                    json!({"name": "by-model", "match": {"paths": ["/v1/read"], "models": ["org/*"]},
                "anonymous": true}),
                );
            })
    })
    .await;
    gateway.hf.set_accepted(["value-1"]);
    let (ada, olga) = (gateway.token(Persona::Ada), gateway.token(Persona::Olga));
    let served = gateway.chat(&ada).await;
    assert_eq!(served.status(), 200);
    served.bytes().await.unwrap();
    assert_eq!(gateway.chat(&olga).await.status(), 403);
    let ben = gateway.token(Persona::Ben);
    assert_eq!(gateway.chat(&ben).await.status(), 200);
    assert_eq!(gateway.chat(&ben).await.status(), 429);
    let moved = gateway.request(Method::GET, "/v1/moved").bearer_auth(&ada);
    assert_eq!(moved.send().await.unwrap().status(), 204);
    gateway.hf.set_accepted(["value-2"]);
    assert_eq!(gateway.chat(&ada).await.status(), 502);
    let unfinished = b"POST /v1/read HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                       connection: close\r\ncontent-length: 9\r\n\r\n";
    let refused = raw_http(gateway.envoy.addr(), unfinished, SOON);
    assert!(refused.await.unwrap().starts_with(b"HTTP/1.1 408"));
    for line in [
        r#"entragate_held_exceeded{reason="inspection_timeout"} 1"#,
        r#"entragate_cluster_changed{} 1"#,
        r#"entragate_upstream{code="credential_rejected",credential="hf-read"} 1"#,
        r#"entragate_upstream{code="quota_exceeded",quota="unnamed"} 1"#,
        r#"entragate_quota_left_bucket{quota="unnamed",le="100"} "#,
        r#"entragate_credential_fetches{credential="hf-read",outcome="good"} "#,
        r#"entragate_credentials_unusable{credential="hf-read"} 0"#,
        r#"entragate_export_lost{reason="refused"} "#,
        r#"entragate_group_lookups{issuer="contoso",outcome="failed"} "#,
    ] {
        wait_for_line(&gateway, line).await;
    }
    ops.on("/in", Answer::bytes(204, ""));
    gateway.chat(&olga).await;
    let fetched = r#"entragate_credentials_fetched_at{credential="hf-read"}"#;
    let now = testbed::mint::now() as f64;
    let fetched = value(&gateway, fetched).await;
    assert!((now - 60.0..=now + 1.0).contains(&fetched), "{fetched}");
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_and_fetches_have_labels() {
    let ops = Stub::start(&["localhost"]).await.unwrap();
    let gateway = gateway_with_decisions(&ops).await;
    for line in [
        r#"entragate_decisions{code="permitted",issuer="contoso",rule="scientists"} 1"#,
        r#"entragate_decisions{code="denied_by_rule",issuer="contoso",rule="contractors"} 1"#,
        r#"entragate_decisions{code="anonymous",issuer="-",rule="health"} 1"#,
        r#"entragate_decisions{code="token_missing"} 1"#,
        r#"entragate_verified_by{way="host"} 2"#,
        r#"entragate_key_fetches{issuer="contoso",outcome="good"} 1"#,
        r#"entragate_key_fetches{issuer="contoso",outcome="shared"} 2"#,
        r#"entragate_revocation_fetches{outcome="good"} "#,
        r#"entragate_keys_unusable{issuer="contoso"} 0"#,
        r#"entragate_revocation_unusable{} 0"#,
        r#"entragate_revocation_entries{} 0"#,
        r#"entragate_revocation_fetches{issuer="contoso",source="graph",list="users",outcome="good"} "#,
        r#"entragate_revocation_unusable{issuer="contoso",source="graph",list="service_principals"} 0"#,
        r#"entragate_revocation_entries{issuer="contoso",source="graph",list="users"} 0"#,
        r#"entragate_revocation_pages{issuer="contoso",source="graph",list="users"} "#,
    ] {
        wait_for_line(&gateway, line).await;
    }
    let fetched = value(&gateway, r#"entragate_keys_fetched_at{issuer="contoso"}"#).await;
    let now = testbed::mint::now() as f64;
    assert!((now - 60.0..=now + 1.0).contains(&fetched), "{fetched}");
    // One request in eight is measured, including the first one of each worker.
    let measured = || async { value(&gateway, "entragate_own_time_us_count{}").await };
    wait_until("the histogram has values", || async {
        measured().await > 0.0
    })
    .await;
    let measured = measured().await;
    assert!(measured <= 2.0, "{measured} of 4 requests");
    let sum = value(&gateway, "entragate_own_time_us_sum{}").await;
    assert!((1.0..200_000.0).contains(&sum), "{sum} µs");
}

/// The usage that the endpoint reports, under the model names of the configuration.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_by_model_and_kind() {
    let gateway = Gateway::with(|config| {
        config.change_policy(|policy| {
            policy["endpoints"] = json!([{"paths": ["/v1/chat/**"], "model": "org/llama-3.1"}]);
        })
    })
    .await;
    let ada = gateway.token(Persona::Ada);
    for _ in 0..2 {
        gateway.chat(&ada).await.bytes().await.unwrap();
    }
    let embeddings = gateway.request(Method::POST, "/v1/embeddings");
    let body = json!({"model": "a/callers-own", "input": "Say five words to me."});
    let response = embeddings.bearer_auth(&ada).json(&body).send().await;
    response.unwrap().bytes().await.unwrap();
    let bills = gateway.hf.bills();
    let (chats, embeddings) = bills.split_at(2);
    for (kind, model, expected) in [
        (
            "prompt",
            "org/llama-3_1",
            chats.iter().map(|bill| bill.prompt_tokens).sum::<usize>(),
        ),
        (
            "completion",
            "org/llama-3_1",
            chats.iter().map(|bill| bill.completion_tokens).sum(),
        ),
        (
            "prompt",
            "other",
            embeddings.iter().map(|bill| bill.prompt_tokens).sum(),
        ),
    ] {
        assert!(expected > 0);
        let line = format!(r#"entragate_tokens{{model="{model}",kind="{kind}"}} {expected}"#);
        wait_until(&line, || async { lines(&gateway).await.contains(&line) }).await;
    }
    let shown = lines(&gateway).await.join("\n");
    assert!(!shown.contains("callers"), "{shown}");
}

/// Gauges are updated once a second, and summed over the workers.
#[tokio::test(flavor = "multi_thread")]
async fn gauges_rise_and_fall() {
    let entra = testbed::entra::Entra::start().await.unwrap();
    entra.set_fault(testbed::fault::Fault::Hang);
    let gateway = Gateway::cold(entra, |config| {
        config.change_policy(|policy| {
            policy["wait"] = json!({"timeout": "6s"});
            policy["cache"] = json!({"ttl": "4s"});
        })
    })
    .await;
    let level = |name: &'static str, expected: f64| {
        let gateway = &gateway;
        async move {
            let reached = || async { value(gateway, name).await == expected };
            wait_until(name, reached).await;
        }
    };
    let waiting: Vec<_> = (0..5)
        .map(|_| tokio::spawn(gateway.chat_builder(&gateway.token(Persona::Ada)).send()))
        .collect();
    level("entragate_parked{}", 5.0).await;
    level(r#"entragate_keys_unusable{issuer="contoso"}"#, 3.0).await;
    gateway.entra.set_fault(testbed::fault::Fault::None);
    for request in waiting {
        let _ = request.await.unwrap();
    }
    level("entragate_parked{}", 0.0).await;
    level(r#"entragate_keys_unusable{issuer="contoso"}"#, 0.0).await;
    let ada = gateway.token(Persona::Ada);
    for _ in 0..4 {
        gateway.chat(&ada).await;
    }
    let entries = || async { value(&gateway, "entragate_cache_entries{}").await >= 1.0 };
    wait_until("a token is cached", entries).await;
    level("entragate_cache_entries{}", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_alerts_use_existing_metrics() {
    let ops = Stub::start(&["localhost"]).await.unwrap();
    let gateway = gateway_with_failures(&ops).await;
    let mut expressions_in_use = Vec::new();
    for file in ["alerts.yaml", "dashboard.json"] {
        let text = fs::read_to_string(workspace_root().join("deploy/monitoring").join(file));
        let document: serde_json::Value = serde_saphyr::from_str(&text.unwrap()).unwrap();
        let before = expressions_in_use.len();
        expressions(&document, &mut expressions_in_use);
        assert!(
            expressions_in_use.len() > before + 3,
            "{file} has hardly any expressions"
        );
    }
    let missing = || async {
        let families = families(&lines(&gateway).await);
        let missing_names = expressions_in_use
            .iter()
            .flat_map(|expression| missing_names(expression, &families));
        missing_names.collect::<BTreeSet<_>>()
    };
    let deadline = tokio::time::Instant::now() + super::gateway::SOON;
    while !missing().await.is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(missing().await, BTreeSet::new());
}

/// Collects all `expr` members at any depth.
fn expressions(document: &serde_json::Value, found: &mut Vec<String>) {
    match document {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if name == "expr" => found.push(text.to_owned()),
                    _ => expressions(value, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// Returns the families and labels in an expression that do not exist in the scrape. Labels are the names before `=`, `!=`,
/// `=~` or `!~`, and in `by (…)`.
fn missing_names(expression: &str, families: &Families) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_word(c));
    let named: BTreeSet<&str> = words
        .filter(|word| word.starts_with("entragate_"))
        .collect();
    let mut missing_names: Vec<String> = named
        .iter()
        .filter(|family| !families.contains_key(**family))
        .map(|family| format!("{family} in {expression}"))
        .collect();
    let known: BTreeSet<&str> = named
        .iter()
        .filter_map(|family| families.get(*family))
        .flatten()
        .map(String::as_str)
        .chain(["instance", "le"])
        .collect();
    let braces = expression
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    let matched = braces.flat_map(|(inside, _)| inside.split(','));
    let matched = matched.filter_map(|matcher| matcher.split(['=', '!']).next());
    let grouped = expression
        .split("by (")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let grouped = grouped.flat_map(|(inside, _)| inside.split(','));
    let labels = matched.chain(grouped).map(str::trim);
    missing_names.extend(
        labels
            .filter(|label| !known.contains(label))
            .map(|label| format!("label {label} in {expression}")),
    );
    missing_names
}

async fn lines(gateway: &Gateway) -> Vec<String> {
    let scrape = gateway.envoy.prometheus().await.unwrap();
    let ours = scrape.lines().filter(|line| line.starts_with("entragate_"));
    ours.map(str::to_owned).collect()
}

/// Waits for a line of the scrape with this beginning.
async fn wait_for_line(gateway: &Gateway, begin: &str) {
    let shown = || async {
        let lines = lines(gateway).await;
        lines.iter().any(|line| line.starts_with(begin))
    };
    wait_until(begin, shown).await;
}

/// Returns the value of a sample, or NaN if it does not exist.
pub async fn value(gateway: &Gateway, sample: &str) -> f64 {
    let lines = lines(gateway).await;
    let found = lines
        .iter()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    found.map_or(f64::NAN, |value| value.parse().unwrap())
}

fn families(lines: &[String]) -> Families {
    let mut families = Families::new();
    for line in lines {
        let (name, rest) = line.split_once('{').unwrap();
        let labels = rest
            .split("\",")
            .filter_map(|label| label.split_once("=\""));
        let family = families.entry(name.to_owned()).or_default();
        family.extend(labels.map(|(name, _)| name.to_owned()));
    }
    families
}
