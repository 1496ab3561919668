//! The processes of the benchmark: the key server, the endpoint, and one Envoy with a listener for each configuration that is
//! compared. All start from the user's `envoy.yaml`, so that connection manager, route and upstream are the same; only the
//! filters and their records differ.

use std::{
    env,
    error::Error,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use strict_host::traffic::changed;
use testbed::{
    entra::Entra,
    envoy::{Envoy, EnvoyConfig, workspace_root},
    rate_limits::RateLimits,
    wait,
};
use tokio::sync::OnceCell;

use crate::{
    native,
    quotas::{self, Quotas},
    upstream,
};

const FILE_LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
/// Records are formatted and written, but not kept.
const NOWHERE: &str = "/dev/null";
/// The credential that every chain sets in place of the caller's.
const CREDENTIAL: &str = "credential-of-the-benchmark";

/// The number of Envoy's workers.
pub const WORKERS: u32 = 2;

/// The filters that a listener has in front of the router.
pub enum Filters {
    None,
    Empty,
    /// The empty filter, which copies each piece of a response's body from the host.
    Copying,
    Native(native::Chain),
    /// Our filter with these members of its policy in place of those of `envoy.yaml`.
    Ours(Value),
    /// Another build of our filter, in a separate VM.
    OtherBuild {
        wasm: PathBuf,
        policy: Value,
    },
}

impl Filters {
    fn is_entragate(&self) -> bool {
        matches!(self, Filters::Ours(_) | Filters::OtherBuild { .. })
    }

    /// Whether the filter fetches the keys of the issuer in `envoy.yaml`.
    fn fetches_keys(&self) -> bool {
        match self {
            Filters::Ours(policy) | Filters::OtherBuild { policy, .. } => {
                policy.get("issuers").is_none()
            }
            _ => false,
        }
    }
}

/// The records that a request leaves in a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Record {
    None,
    /// Our filter: the audit line, through Envoy's log. Native chain: an access log line with the same fields.
    Line,
    /// As in `envoy.yaml`: the audit line, and an access log line for requests without one.
    Shipped,
}

pub struct Listener {
    pub name: &'static str,
    pub filters: Filters,
    pub record: Record,
    /// Whether the rate limits of deploy/ratelimit follow.
    pub has_quotas: bool,
}

pub struct Stage {
    pub entra: Entra,
    upstream: SocketAddr,
    /// Started for the first listener with quotas.
    limits: OnceCell<RateLimits>,
}

impl Stage {
    pub async fn start() -> io::Result<Stage> {
        Ok(Stage {
            entra: Entra::start().await?,
            upstream: upstream::start()?,
            limits: OnceCell::new(),
        })
    }

    /// Returns the configuration of an Envoy with these listeners.
    pub async fn config(&self, listeners: &[Listener]) -> Result<EnvoyConfig, Box<dyn Error>> {
        let quotas = Quotas::shipped()?;
        let mut config = EnvoyConfig::from_user_file()?
            .upstream("entra", self.entra.addr(), self.entra.is_tls())
            .upstream("huggingface", self.upstream, false)
            .environment("HF_TOKEN_READ", CREDENTIAL)
            .concurrency(WORKERS)
            .log_path(env::var_os("BENCH_LOG").unwrap_or(NOWHERE.into()));
        if listeners.iter().any(|listener| listener.has_quotas) {
            let limits = self.limits().await?.addr();
            config = config
                .cluster(quotas.cluster())
                .upstream("ratelimit", limits, false);
        }
        let policy = config.policy();
        let document = config.as_json();
        let template = document["static_resources"]["listeners"][0].clone();
        let all: Vec<Value> = listeners
            .iter()
            .map(|listener| self.listener(&template, listener, &policy, &quotas))
            .collect();
        Ok(config.document(|document| {
            let resources = &mut document["static_resources"];
            resources["listeners"] = json!(all);
            let secret = json!({"inline_string": format!("Bearer {CREDENTIAL}")});
            resources["secrets"] =
                json!([{"name": native::SECRET, "generic_secret": {"secret": secret}}]);
        }))
    }

    /// Starts an Envoy with these listeners and waits until their filters have their keys.
    pub async fn envoy(&self, listeners: &[Listener]) -> Result<Envoy, Box<dyn Error>> {
        self.start_with(self.config(listeners).await?, listeners)
            .await
    }

    /// Starts an Envoy with the configuration of these listeners and waits until their filters have their keys.
    pub async fn start_with(
        &self,
        config: EnvoyConfig,
        listeners: &[Listener],
    ) -> Result<Envoy, Box<dyn Error>> {
        let envoy = Envoy::start(config).await?;
        let fetching = listeners
            .iter()
            .filter(|listener| listener.filters.fetches_keys());
        let fetches = fetching.count() as u64 * u64::from(WORKERS);
        let fetched = async || {
            let fetched_count = envoy.keys_got("contoso").await;
            fetched_count.is_ok_and(|count| count >= fetches)
        };
        let deadline = Duration::from_secs(60);
        wait::eventually(deadline, fetched)
            .await
            .then_some(())
            .ok_or("the filters did not fetch their keys within 60 seconds")?;
        Ok(envoy)
    }

    async fn limits(&self) -> Result<&RateLimits, Box<dyn Error>> {
        let limits = quotas::limits()?;
        let start = || RateLimits::start(&limits);
        Ok(self.limits.get_or_try_init(start).await?)
    }

    fn listener(
        &self,
        template: &Value,
        listener: &Listener,
        policy: &Value,
        quotas: &Quotas,
    ) -> Value {
        let mut node = template.clone();
        node["name"] = json!(listener.name);
        // Otherwise all connections of a run sometimes end up on one worker.
        node["connection_balance_config"] = json!({"exact_balance": {}});
        let manager = &mut node["filter_chains"][0]["filters"][0]["typed_config"];
        manager["stat_prefix"] = json!(listener.name);
        let log = &mut manager["access_log"][0]["typed_config"];
        log["path"] = json!(NOWHERE);
        let is_ours = listener.filters.is_entragate();
        match (listener.record, is_ours) {
            (Record::None, _) | (Record::Line, true) => manager["access_log"] = json!([]),
            (Record::Line, false) => {
                *log = json!({"@type": FILE_LOG, "path": NOWHERE,
                              "log_format": {"json_format": native::access_log()}});
            }
            (Record::Shipped, _) => {}
        }
        let [ours, router] =
            [&manager["http_filters"][0], &manager["http_filters"][1]].map(Value::clone);
        let mut filters = match &listener.filters {
            Filters::None => Vec::new(),
            Filters::Empty => vec![empty(&ours)],
            Filters::Copying => vec![copying(&ours)],
            Filters::Native(chain) => chain.filters(&self.entra),
            Filters::Ours(changes) => {
                let policy = changed(&recording(policy, listener, quotas), changes);
                vec![with_policy(ours, listener.name, policy)]
            }
            Filters::OtherBuild {
                wasm,
                policy: changes,
            } => {
                let policy = changed(&recording(policy, listener, quotas), changes);
                vec![with_wasm(with_policy(ours, listener.name, policy), wasm)]
            }
        };
        if listener.has_quotas {
            quotas.add(manager, &mut filters, is_ours);
        }
        filters.push(router);
        manager["http_filters"] = json!(filters);
        node
    }
}

fn copying(ours: &Value) -> Value {
    let mut filter = empty(ours);
    let config = &mut filter["typed_config"]["config"];
    config["name"] = json!("copying");
    let text = "type.googleapis.com/google.protobuf.StringValue";
    config["configuration"] = json!({"@type": text, "value": "copy"});
    filter
}

/// For the comparison with the native chain, the filter does the same work: it does not read usage from responses, and sets no
/// filter state for an access log that does not exist. The shipped configuration does both, and rate limits require both.
fn recording(policy: &Value, listener: &Listener, quotas: &Quotas) -> Value {
    let log = match listener.record {
        Record::None => "off",
        Record::Line => "all",
        Record::Shipped => return policy.clone(),
    };
    let filter_state = if listener.has_quotas {
        quotas.filter_state()
    } else {
        json!(false)
    };
    let same_work =
        json!({"audit": {"log": log, "filter_state": filter_state}, "usage": listener.has_quotas});
    changed(policy, &same_work)
}

/// Returns the shipped filter with another policy. All share one VM per worker, as plugins with the same `vm_id` do.
fn with_policy(mut filter: Value, name: &str, policy: Value) -> Value {
    let config = &mut filter["typed_config"]["config"];
    config["name"] = json!(format!("entragate-{name}"));
    config["configuration"]["value"] = policy;
    filter
}

/// Returns the filter with another .wasm file. Plugins of the same file share one VM per worker.
fn with_wasm(mut filter: Value, wasm: &Path) -> Value {
    let vm = &mut filter["typed_config"]["config"]["vm_config"];
    vm["vm_id"] = json!(wasm);
    vm["code"]["local"]["filename"] = json!(wasm);
    filter
}

/// Returns the path at which `make bench` builds the empty filter.
pub fn empty_wasm() -> PathBuf {
    testbed::envoy::wasm_path().with_file_name("empty_filter.wasm")
}

fn empty(ours: &Value) -> Value {
    let mut filter = with_wasm(ours.clone(), &empty_wasm());
    let config = &mut filter["typed_config"]["config"];
    config["name"] = json!("empty");
    if let Some(config) = config.as_object_mut() {
        config.remove("configuration");
    }
    filter
}

/// Returns the path of the results file.
pub fn results() -> PathBuf {
    workspace_root().join("bench/RESULTS.md")
}
