//! Decisions consider the upstream that receives the request.

use super::gateway::{Gateway, SOON, header, http2};
use serde_json::{Value, json};
use testbed::client::raw_http;
use testbed::envoy::EnvoyConfig;
use testbed::hf::{ENDPOINT_HOST, HuggingFace, Mode};
use testbed::persona::Persona;
use testbed::reqwest::Method;

const LLAMA: &str = "meta-llama/x";

/// A gateway with a second upstream, which belongs to another team, in cluster `team-b`.
struct Shared {
    gateway: Gateway,
    team: HuggingFace,
}

impl Shared {
    async fn start(change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Self {
        let team = HuggingFace::start_plain().await.unwrap();
        team.set_mode(Mode::json(200, &json!({})));
        let gateway = Gateway::with(|config| {
            let config = config.upstream("team-b", team.addr(), false);
            // The connection of a denied POST is closed without delay.
            let config = config.connection_manager(|manager| {
                manager["delayed_close_timeout"] = json!("0.02s");
            });
            change(config)
        })
        .await;
        gateway.hf.set_mode(Mode::json(200, &json!({})));
        Self { gateway, team }
    }

    /// Sends a chat request exactly as written. Returns status and code of the response.
    async fn send(&self, target: &str, host: &str, fields: &str, body: &Value) -> (u16, String) {
        let token = self.gateway.token(Persona::Ada);
        let body = body.to_string();
        let request = format!(
            "{target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n{fields}\r\n{body}",
            body.len()
        );
        let answer = raw_http(self.gateway.envoy.addr(), request.as_bytes(), SOON).await;
        let answer = String::from_utf8_lossy(&answer.unwrap()).into_owned();
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        let code = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-error-code: "));
        let code = code.unwrap_or_default().to_owned();
        (status.unwrap_or_else(|| panic!("{answer:?}")), code)
    }

    async fn chat(&self, host: &str, model: &str) -> (u16, String) {
        let body = json!({"model": model, "messages": []});
        self.send("POST /v1/chat/completions", host, "", &body)
            .await
    }

    async fn record(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let envoy = &self.gateway.envoy;
        envoy.wait_for_audit(wanted, SOON).await.unwrap()
    }

    /// Returns the number of requests at each upstream since the last call.
    fn arrived(&self) -> (usize, usize) {
        let at_endpoint = self.gateway.hf.take_requests().len();
        (at_endpoint, self.team.take_requests().len())
    }
}

fn virtual_hosts(config: EnvoyConfig, hosts: Value) -> EnvoyConfig {
    config.connection_manager(|manager| manager["route_config"]["virtual_hosts"] = hosts)
}

fn to(cluster: &str) -> Value {
    json!([{"match": {"prefix": "/"}, "route": route(cluster)}])
}

/// The host name of the endpoint's certificate is used for SNI.
fn route(cluster: &str) -> Value {
    json!({"cluster": cluster, "host_rewrite_literal": ENDPOINT_HOST})
}

fn rewritten() -> Value {
    let mut route = route("huggingface");
    route["prefix_rewrite"] = json!("/hf-inference/");
    route
}

/// Routes in which the gateway's endpoint has its own host, and every other host belongs to another team.
fn two_teams(config: EnvoyConfig) -> EnvoyConfig {
    let hosts = json!([
        {"name": "ours", "domains": ["llama.example.com"], "routes": to("huggingface")},
        {"name": "theirs", "domains": ["*"], "routes": to("team-b")},
    ]);
    virtual_hosts(config, hosts)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_teams_service_never_receives_the_credential() {
    let shared = Shared::start(|config| {
        let hosts = json!([
            {"name": "ours", "domains": ["llama.example.com"], "routes": to("huggingface")},
            {"name": "theirs", "domains": ["*"], "routes": [
                {"match": {"prefix": "/v1/", "headers": [{"name": "x-route", "string_match": {"exact": "header"}}]},
                 "route": {"cluster_header": "x-cluster", "host_rewrite_literal": ENDPOINT_HOST}},
                {"match": {"prefix": "/v1/", "headers": [{"name": "x-route", "string_match": {"exact": "weighted"}}]},
                 "route": {"weighted_clusters": {"clusters": [{"name": "team-b", "weight": 100}, {"name": "huggingface", "weight": 0}]}}},
                {"match": {"prefix": "/"}, "route": {"cluster": "team-b"}}]},
        ]);
        virtual_hosts(config, hosts)
    })
    .await;
    let body = json!({"model": LLAMA});
    let chat = "POST /v1/chat/completions";
    for fields in [
        "",
        "x-route: header\r\nx-cluster: team-b\r\n",
        "x-route: weighted\r\n",
    ] {
        let (status, code) = shared.send(chat, "team.example.com", fields, &body).await;
        assert_eq!(
            (status, code.as_str()),
            (403, "upstream_not_allowed"),
            "{fields}"
        );
    }
    assert_eq!(shared.arrived(), (0, 0));
    let record = shared
        .record(|record| record["host"] == "team.example.com")
        .await;
    assert_eq!(record["cluster"], "team-b");
    assert_eq!(record["rule"], "scientists");
    assert_eq!(record["upstream_cluster"], Value::Null);
    for (host, fields) in [
        ("llama.example.com", ""),
        ("llama.example.com:443", ""),
        ("LLAMA.example.com.", ""),
        (
            "team.example.com",
            "x-route: header\r\nx-cluster: huggingface\r\n",
        ),
    ] {
        assert_eq!(
            shared.send(chat, host, fields, &body).await.0,
            200,
            "{host}"
        );
        assert_eq!(shared.arrived(), (1, 0), "{host}");
    }
    let record = shared.record(|record| record["code"] == "permitted").await;
    assert_eq!(record["cluster"], "huggingface");
    assert_eq!(record["upstream_cluster"], "huggingface");
    let changed = shared
        .gateway
        .envoy
        .stat("wasmcustom.entragate.cluster_changed")
        .await;
    assert_eq!(changed.unwrap_or_default(), 0);
}

/// A part of the host that Envoy does not strip could be treated differently by its routes and the filter's rules.
#[tokio::test(flavor = "multi_thread")]
async fn differently_spelled_host_does_not_get_its_model() {
    for strips in [true, false] {
        let shared = Shared::start(|config| {
            let config = two_teams(config).connection_manager(|manager| {
                manager["strip_any_host_port"] = json!(strips);
                manager["strip_trailing_host_dot"] = json!(strips);
            });
            config.change_policy(|policy| {
                let by_cluster = json!([{"clusters": ["huggingface"], "model": LLAMA}]);
                let by_host = json!([{"hosts": ["llama.example.com"], "model": LLAMA}]);
                policy["endpoints"] = if strips { by_host } else { by_cluster };
                policy["credentials"][0]["clusters"] = json!(["huggingface", "team-b"]);
                policy["rules"] = json!([{"name": "llama", "match": {"models": ["meta-llama/*"]},
                    "require": {"role": "Model.Query"}, "credential": "hf-read"}]);
            })
        })
        .await;
        assert_eq!(shared.chat("llama.example.com", LLAMA).await.0, 200);
        assert_eq!(shared.arrived(), (1, 0));
        let (status, code) = shared.chat("other.example.com", LLAMA).await;
        assert_eq!(
            (status, code.as_str()),
            (403, "no_rule"),
            "not in endpoints"
        );
        for host in [
            "llama.example.com:",
            "llama.example.com:1",
            "llama.example.com.",
            "llama.example.com.:1",
            "llama.example.com..",
            "llama.example.com:1x",
            "x@llama.example.com",
            "other.example.com@llama.example.com",
        ] {
            let (status, code) = shared.chat(host, LLAMA).await;
            match shared.arrived() {
                // The endpoint in the record is the one that received the request.
                (1, 0) => assert_eq!(status, 200, "{host}"),
                (0, 0) => assert!(matches!(status, 400 | 403), "{host}: {status} {code}"),
                elsewhere => panic!("{host}: {elsewhere:?}"),
            }
        }
        let records = shared.gateway.envoy.audit_lines();
        for record in records
            .iter()
            .filter(|record| record["decision"] == "permit")
        {
            assert_eq!(record["model"], LLAMA, "{record}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn path_and_body_must_name_the_same_model_for_any_route_rewrite() {
    let shared = Shared::start(|config| {
        let routes = json!([
            {"match": {"prefix": "/inference/"}, "route": rewritten()},
            {"match": {"prefix": "/v1/"}, "route": rewritten()},
            {"match": {"prefix": "/"}, "route": route("huggingface")}]);
        let config = virtual_hosts(
            config,
            json!([{"name": "all", "domains": ["*"], "routes": routes}]),
        );
        config.change_policy(|policy| {
            policy["rules"] = json!([{"name": "llama", "match": {"models": ["meta-llama/*"]},
                "require": {"role": "Model.Query"}, "credential": "hf-read"}]);
        })
    })
    .await;
    let ambiguous = (400, "request_ambiguous");
    for (path, model, expected) in [
        ("/inference/models/secret/one", LLAMA, ambiguous),
        ("/v1/models/secret/one", LLAMA, ambiguous),
        ("/models/secret/one", LLAMA, ambiguous),
        ("/models/meta-llama/x", "secret/one", ambiguous),
        (
            "/hf-inference/models/meta-llama/x/v1/chat/completions",
            "secret/one",
            ambiguous,
        ),
        // The body is ignored on paths that are not known to take a model.
        ("/inference/chat", LLAMA, (403, "no_rule")),
        ("/generate", LLAMA, (403, "no_rule")),
        ("/inference/models/meta-llama/x", LLAMA, (403, "no_rule")),
        ("/models/meta-llama/x", LLAMA, (200, "")),
        ("/hf-inference/models/meta-llama/x", "", (200, "")),
        ("/v1/chat/completions", LLAMA, (200, "")),
    ] {
        let body = json!({"model": model, "inputs": "x"});
        let (status, code) = shared.send(&format!("POST {path}"), "x", "", &body).await;
        assert_eq!((status, code.as_str()), expected, "{path} {model}");
        let arrived = usize::from(status == 200);
        assert_eq!(shared.arrived(), (arrived, 0), "{path} {model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn model_name_may_be_a_file_path_and_well_formed_json_is_never_body_unreadable() {
    let shared = Shared::start(|config| {
        config.change_policy(|policy| {
            policy["rules"] = json!([{"name": "files", "match": {"models": ["/models/*", "my model", "модель/*"]},
                "require": {"role": "Model.Query"}, "credential": "hf-read"}]);
        })
    })
    .await;
    let chat = "POST /v1/chat/completions";
    for model in ["/models/llama.gguf", "my model", "модель/x"] {
        let answer = shared.send(chat, "x", "", &json!({"model": model})).await;
        assert_eq!(answer.0, 200, "{model}");
    }
    for body in [
        json!([1]),
        json!("/models/llama.gguf"),
        json!(null),
        json!({"model": 5}),
        json!({"model": ["/models/llama.gguf"]}),
        json!({"model": "/models/../secret.gguf"}),
        json!({"model": " /models/llama.gguf"}),
        json!({"model": "C:\\models\\llama.gguf"}),
    ] {
        let (status, code) = shared.send(chat, "x", "", &body).await;
        assert_eq!(status, 400, "{body}");
        assert_ne!(code, "body_unreadable", "{body}");
    }
    assert_eq!(shared.arrived(), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_servers_echo_or_compare_without_case_are_refused() {
    let shared = Shared::start(|config| {
        config.change_policy(|policy| {
            policy["rules"] = json!([{"name": "any", "match": {"paths": ["/**"]},
                "require": {"role": "Model.Query"}, "credential": "hf-read"}]);
        })
    })
    .await;
    // Envoy rejects some of these methods in HTTP/1, but forwards them in HTTP/2.
    let token = shared.gateway.token(Persona::Ada);
    let client = http2();
    for method in ["TRACE", "TRACK", "get", "Post", "pOST"] {
        let target = format!("{method} /v1/models");
        let (status, _) = shared.send(&target, "x", "", &json!({})).await;
        assert_eq!(status, 400, "{method}");
        let url = format!("{}/v1/models", shared.gateway.envoy.url());
        let request = client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        let response = request.bearer_auth(&token).send().await.unwrap();
        assert_eq!(
            header(&response, "x-error-code"),
            "request_ambiguous",
            "{method}"
        );
    }
    assert_eq!(shared.arrived(), (0, 0));
    assert_eq!(shared.send("POST /v1/x", "x", "", &json!({})).await.0, 200);
}

/// A route that matches on a header set by the filter leads to another cluster after the decision. This cannot be prevented,
/// but it is logged and counted.
#[tokio::test(flavor = "multi_thread")]
async fn request_that_leaves_the_permitted_cluster_is_logged_and_counted() {
    let shared = Shared::start(|config| {
        let header = json!([{"name": "x-entra-oid", "present_match": true}]);
        let routes = json!([
            {"match": {"prefix": "/", "headers": header}, "route": {"cluster": "team-b"}},
            {"match": {"prefix": "/"}, "route": route("huggingface")}]);
        virtual_hosts(
            config,
            json!([{"name": "all", "domains": ["*"], "routes": routes}]),
        )
    })
    .await;
    assert_eq!(shared.chat("x", LLAMA).await.0, 200);
    assert_eq!(shared.arrived(), (0, 1), "Envoy selects the route again");
    let record = shared.record(|record| record["code"] == "permitted").await;
    assert_eq!(record["cluster"], "huggingface");
    assert_eq!(record["upstream_cluster"], "team-b");
    let envoy = &shared.gateway.envoy;
    let logged = |line: &str| {
        line.contains(r#"permitted for cluster "huggingface", but sent to cluster "team-b""#)
    };
    let line = envoy.wait_for_log(logged, SOON).await.unwrap();
    assert!(line.contains("[error]"), "{line}");
    let counted = || async {
        let count = envoy.stat("wasmcustom.entragate.cluster_changed").await;
        count.unwrap_or_default() == 1
    };
    super::gateway::wait_until("the request is counted", counted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_without_credential_sends_neither_a_credential_nor_the_callers_token() {
    let shared = Shared::start(|config| {
        two_teams(config).change_policy(|policy| {
            policy["rules"] = json!([{"name": "vllm", "match": {"clusters": ["team-*"]},
                "require": {"role": "Model.Query"}, "credential": "none"}]);
        })
    })
    .await;
    assert_eq!(
        shared.chat("vllm.internal", "/models/llama.gguf").await.0,
        200
    );
    let seen = shared.team.take_requests().remove(0);
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(
        seen.headers_named("x-entra-oid").len(),
        1,
        "the reply states the reason"
    );
    let record = shared.record(|record| record["code"] == "permitted").await;
    assert_eq!(record["credential"], Value::Null);
    assert_eq!(record["rule"], "vllm");
    assert_eq!(record["upstream_cluster"], "team-b");
    // Requests without a token are denied, and the rule matches no other cluster.
    let url = "/v1/chat/completions";
    let without_token = shared
        .gateway
        .request(Method::POST, url)
        .header("host", "vllm.internal");
    let response = without_token.json(&json!({})).send().await.unwrap();
    assert_eq!(header(&response, "x-error-code"), "token_missing");
    let (status, code) = shared.chat("llama.example.com", LLAMA).await;
    assert_eq!((status, code.as_str()), (403, "no_rule"));
    assert_eq!(shared.arrived(), (0, 0));
}
