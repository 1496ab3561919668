//! A running oidc-provider in front of a real Envoy, which fetches its keys by discovery.

use super::clients::node_clients;
use super::gateway::{Gateway, SOON, header, wait_until};
use serde_json::{Value, json};
use std::process::Stdio;
use testbed::entra::Entra;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running provider, which stops on drop, and the facts that it printed: `issuer`, `port` and `tokens`.
struct Provider {
    _process: Child,
    printed: Value,
}

impl Provider {
    /// Starts the provider. Returns `None` if `make clients` found no Node.
    async fn start() -> Option<Self> {
        let (certificate, key) = testbed::tls::ca().server_pem(&["localhost"]);
        let mut process = Command::new("node")
            .arg(node_clients()?.join("oidc_provider.mjs"))
            .arg("serve")
            .env("TLS_CERT", certificate)
            .env("TLS_KEY", key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await;
        let line = line
            .expect("oidc_provider.mjs starts in time")
            .unwrap()
            .expect("oidc_provider.mjs prints a line; if it is not installed, run `make clients`");
        Some(Self {
            _process: process,
            printed: serde_json::from_str(&line).unwrap(),
        })
    }

    /// The issuer, with the audiences and algorithms of all its tokens, and a rule for each token.
    fn configure(&self, policy: &mut Value, crypto: &str) {
        let issuer = self.printed["issuer"].as_str().unwrap();
        let all = |member: &str| {
            let values = self
                .tokens()
                .iter()
                .map(|token| token[member].as_str().unwrap());
            values.collect::<std::collections::BTreeSet<_>>()
        };
        policy["crypto"] = json!(crypto);
        policy["issuers"] = json!([{
            "name": "op", "oidc": {"issuer": issuer}, "audiences": all("audience"), "algorithms": all("algorithm"),
            "jwks": {"cluster": "op", "discovery": format!("{issuer}/.well-known/openid-configuration")},
        }]);
        policy["rules"] = json!([
            {"name": "people", "require": {"all": [{"kind": "user"}, {"role": "ml-user"}]}, "credential": "hf-read"},
            {"name": "jobs", "require": {"all": [{"kind": "app"}, {"role": "ml-job"}]}, "credential": "hf-read"},
        ]);
    }

    fn tokens(&self) -> &[Value] {
        self.printed["tokens"].as_array().unwrap()
    }

    async fn gateway(&self, crypto: &str) -> Gateway {
        let port = self.printed["port"].as_u64().unwrap();
        let address = format!("127.0.0.1:{port}").parse().unwrap();
        let gateway = Gateway::cold(Entra::start().await.unwrap(), |config| {
            let config = config.change_policy(|policy| self.configure(policy, crypto));
            config.upstream("op", address, true)
        })
        .await;
        let fetched = || async { gateway.envoy.keys_got("op").await.unwrap_or_default() >= 3 };
        wait_until("every worker has the provider's keys", fetched).await;
        gateway
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_running_oidc_provider_name_their_callers() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    for crypto in ["host", "wasm"] {
        let gateway = provider.gateway(crypto).await;
        for issued in provider.tokens() {
            let response = gateway.chat(issued["token"].as_str().unwrap()).await;
            assert_eq!(response.status(), 200, "{crypto}: {issued}");
            let id = header(&response, "x-request-id").to_owned();
            let record = gateway
                .envoy
                .wait_for_audit(|record| record["request_id"] == id, SOON)
                .await
                .unwrap();
            let caller = &issued["caller"];
            for (member, known) in [("oid", "object"), ("client", "client"), ("kind", "kind")] {
                assert_eq!(record[member], caller[known], "{crypto}: {record}");
            }
            let is_native = ["RS256", "ES256", "ES384"]
                .map(Value::from)
                .contains(&issued["algorithm"]);
            let expected = if is_native { crypto } else { "wasm" };
            assert_eq!(record["verified_by"], expected, "{record}");
        }
    }
}
