//! Envoy's configuration for a test: the user's own `envoy.yaml`, with as little changed as possible.
//!
//! So the tests run the file that users start from. Addresses, ports, the trusted CA and the filter's file are changed;
//! names, SNI and certificate checks are not.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{EnvoyError, binary};
use crate::{entra::Entra, hf::HuggingFace, tls};

mod plugin;

/// The user's credential variable in `envoy.yaml`.
const CREDENTIAL_VARIABLE: &str = "HF_TOKEN_READ";

/// The filter state that the filter can set (docs/audit.md).
const FILTER_STATE: [&str; 8] = [
    "oid",
    "client",
    "rule",
    "code",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
];

/// A configuration under construction.
#[derive(Clone, Debug)]
pub struct EnvoyConfig {
    document: Value,
    environment: Vec<(String, String)>,
    concurrency: u32,
    drain_time: u32,
    log_level: String,
    log_path: Option<PathBuf>,
}

impl EnvoyConfig {
    /// The shipped `envoy.yaml` with these two stand-ins, as in `make run`.
    pub fn gateway(entra: &Entra, hf: &HuggingFace) -> Result<EnvoyConfig, EnvoyError> {
        Ok(EnvoyConfig::from_user_file()?
            .upstream("entra", entra.addr(), entra.is_tls())
            .upstream("huggingface", hf.addr(), hf.is_tls())
            .environment(CREDENTIAL_VARIABLE, &hf.token()))
    }

    /// The top-level `envoy.yaml` with the path of the filter's file. Its clusters still point to the Internet.
    pub fn from_user_file() -> Result<EnvoyConfig, EnvoyError> {
        let path = binary::workspace_root().join("envoy.yaml");
        let text = fs::read_to_string(&path).map_err(|source| EnvoyError::Io {
            what: format!("cannot read {}", path.display()),
            source,
        })?;
        EnvoyConfig::from_yaml(&text)
    }

    /// Any Envoy bootstrap in YAML (or JSON).
    pub fn from_yaml(text: &str) -> Result<EnvoyConfig, EnvoyError> {
        let unusable = |why: String| EnvoyError::Config {
            what: "the YAML".into(),
            why,
        };
        let mut document: Value =
            serde_saphyr::from_str(text).map_err(|error| unusable(error.to_string()))?;
        let ephemeral = |address: &mut Value| {
            *address = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
        };
        let listeners = document["static_resources"]["listeners"]
            .as_array_mut()
            .ok_or_else(|| unusable("static_resources.listeners is missing".into()))?;
        for listener in listeners {
            ephemeral(&mut listener["address"]);
        }
        ephemeral(&mut document["admin"]["address"]);
        let mut config = EnvoyConfig {
            document,
            environment: Vec::new(),
            concurrency: 2,
            drain_time: 600,
            log_level: "info".into(),
            log_path: None,
        };
        if config.has_plugin() {
            config = config.wasm(&binary::wasm_path());
        }
        Ok(config)
    }

    /// One listener that answers everything itself: an Envoy without filter or clusters.
    pub fn direct_response(status: u16, body: &str) -> EnvoyConfig {
        let manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
        let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
        let route = json!({"match": {"prefix": "/"}, "direct_response": {"status": status, "body": {"inline_string": body}}});
        let bootstrap = json!({"static_resources": {"listeners": [{
            "name": "direct",
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": manager, "stat_prefix": "direct",
                    "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
                    "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
                },
            }]}],
        }]}});
        EnvoyConfig::from_yaml(&bootstrap.to_string()).expect("JSON is YAML")
    }

    /// Points a cluster at `addr`, and adds the cluster if there is none. With TLS it trusts the testbed's CA and
    /// keeps its SNI and name checks; without, its transport socket is removed.
    pub fn upstream(mut self, name: &str, addr: SocketAddr, tls: bool) -> Self {
        let cluster = self.cluster_mut(name);
        cluster["type"] = json!("STATIC");
        if let Some(cluster) = cluster.as_object_mut() {
            cluster.remove("dns_lookup_family");
        }
        let address = json!({"socket_address": {"address": addr.ip().to_string(), "port_value": addr.port()}});
        cluster["load_assignment"] = json!({"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]});
        if tls {
            let socket = &mut cluster["transport_socket"];
            socket["name"] = json!("envoy.transport_sockets.tls");
            let context = &mut socket["typed_config"];
            context["@type"] = json!(
                "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
            );
            if context["sni"].is_null() {
                context["sni"] = json!("localhost");
            }
            context["common_tls_context"]["validation_context"]["trusted_ca"] =
                json!({"inline_string": tls::ca().pem()});
        } else if let Some(cluster) = cluster.as_object_mut() {
            cluster.remove("transport_socket");
        }
        self
    }

    /// Adds a cluster, or replaces the one of the same name.
    pub fn cluster(mut self, cluster: Value) -> Self {
        let name = cluster["name"].as_str().unwrap_or_default().to_owned();
        *self.cluster_mut(&name) = cluster;
        self
    }

    /// The first listener's port on 127.0.0.1; ephemeral by default.
    pub fn listener_port(mut self, port: u16) -> Self {
        self.document["static_resources"]["listeners"][0]["address"] =
            json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
        self
    }

    /// Changes the HTTP connection manager of the first listener.
    pub fn connection_manager(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(
            &mut self.document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
                [0]["typed_config"],
        );
        self
    }

    /// Writes an access log line for every request, with all filter state.
    pub fn full_access_log(self) -> Self {
        let config = self.change_policy(|policy| {
            policy["audit"]["filter_state"] = json!(true);
        });
        config.connection_manager(|manager| {
            let log = &mut manager["access_log"][0];
            if let Some(log) = log.as_object_mut() {
                log.remove("filter");
            }
            let format = &mut log["typed_config"]["log_format"]["json_format"];
            for name in FILTER_STATE {
                format[name] = json!(format!("%FILTER_STATE(wasm.entragate.{name}:PLAIN)%"));
            }
        })
    }

    /// Envoy's limit for all request headers together.
    pub fn max_request_headers_kb(self, kb: u32) -> Self {
        self.connection_manager(|manager| manager["max_request_headers_kb"] = json!(kb))
    }

    /// Changes any part of the bootstrap.
    pub fn document(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.document);
        self
    }

    /// Sets a variable of Envoy's own environment, which is otherwise empty; the filter sees those named in
    /// `host_env_keys` only ([`EnvoyConfig::host_env_keys`]).
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(own, _)| own != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The number of worker threads; 2 by default.
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// The drain time of a replaced listener in seconds; 600 by default, as in Envoy.
    pub fn drain_time(mut self, seconds: u32) -> Self {
        self.drain_time = seconds;
        self
    }

    /// Envoy's log level; `info` by default. The wasm component always logs at `info`, which audit records require.
    pub fn log_level(mut self, level: &str) -> Self {
        self.log_level = level.to_owned();
        self
    }

    /// The file of Envoy's log; by default the runner reads it. Lines in a file cannot be awaited.
    pub fn log_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.log_path = Some(path.into());
        self
    }

    /// The bootstrap as it will be written.
    pub fn as_json(&self) -> &Value {
        &self.document
    }

    pub(super) fn write(&self) -> Result<TempDir, EnvoyError> {
        let io_error = |source| EnvoyError::Io {
            what: "cannot write Envoy's configuration to a temporary directory".into(),
            source,
        };
        let directory = TempDir::with_prefix("entragate-testbed-").map_err(io_error)?;
        fs::write(
            directory.path().join("envoy.json"),
            self.document.to_string(),
        )
        .map_err(io_error)?;
        Ok(directory)
    }

    pub(super) fn command(&self, binary: &Path, directory: &Path) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .arg("--config-path")
            .arg(directory.join("envoy.json"))
            // Disables shared memory, so that base ids of concurrent Envoys cannot collide.
            .arg("--disable-hot-restart")
            .args(["--concurrency", &self.concurrency.to_string()])
            .args(["--drain-time-s", &self.drain_time.to_string()])
            .args(["--log-level", &self.log_level]);
        if !["trace", "debug"].contains(&self.log_level.as_str()) {
            command.args(["--component-log-level", "wasm:info"]);
        }
        match &self.log_path {
            Some(path) => command.arg("--log-path").arg(path),
            // Envoy writes an access log every 10 seconds by default, and tests would wait for it. The benchmark, which sets the
            // path, keeps the default.
            None => command.args(["--file-flush-interval-msec", "200"]),
        };
        command
    }

    /// Reports a missing filter with its own error instead of Envoy's.
    pub(super) fn check_wasm(&self) -> Result<(), EnvoyError> {
        match self.wasm_file() {
            Some(path) if !path.is_file() => Err(EnvoyError::NoWasm { path }),
            _ => Ok(()),
        }
    }

    fn wasm_file(&self) -> Option<PathBuf> {
        let config = self.plugin_node()?;
        let file = &config["vm_config"]["code"]["local"]["filename"];
        file.as_str().map(PathBuf::from)
    }

    fn cluster_mut(&mut self, name: &str) -> &mut Value {
        let clusters = &mut self.document["static_resources"]["clusters"];
        if clusters.is_null() {
            *clusters = json!([]);
        }
        let clusters = clusters
            .as_array_mut()
            .expect("static_resources.clusters is a list");
        let index = clusters
            .iter()
            .position(|cluster| cluster["name"] == name)
            .unwrap_or_else(|| {
                clusters.push(json!({"name": name, "connect_timeout": "5s"}));
                clusters.len() - 1
            });
        &mut clusters[index]
    }
}
