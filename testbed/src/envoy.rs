//! A real Envoy under test. It starts on ephemeral ports, its readiness is polled, its logs are kept, and its process is always reaped.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use testbed::{entra::Entra, envoy::{Envoy, EnvoyConfig}, hf::HuggingFace, persona::Persona};
//!
//! let (entra, hf) = (Entra::start().await?, HuggingFace::start().await?);
//! let envoy = Envoy::start(EnvoyConfig::gateway(&entra, &hf)?).await?;
//! let answer = testbed::client::client()
//!     .get(format!("{}/v1/models", envoy.url()))
//!     .bearer_auth(entra.token(Persona::Ada))
//!     .send()
//!     .await?;
//! assert_eq!(answer.status(), 200);
//! # Ok(()) }
//! ```

mod admin;
mod binary;
mod config;
pub(crate) mod log;
pub(crate) mod process;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

pub use binary::{find as find_binary, hooks_path, wasm_path, workspace_root};
pub use config::EnvoyConfig;
use log::Log;
use process::Process;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    server::runtime,
    wait::{eventually, pause},
};

/// Long enough for a loaded machine; a healthy start takes about a second.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running Envoy. Dropping it kills the process and waits for it.
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
    /// The directory of the configuration file; removed when the Envoy is dropped.
    _directory: TempDir,
}

/// An Envoy that may not be ready yet. Dropping it kills the process and waits for it.
pub struct StartingEnvoy {
    process: Process,
    admin_file: PathBuf,
    directory: TempDir,
    started: Instant,
}

impl StartingEnvoy {
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns an error if the process has ended, or is not ready in time.
    pub fn check(&self) -> Result<(), EnvoyError> {
        if let Some(status) = self.process.exited() {
            return Err(EnvoyError::Exited {
                status,
                log: self.process.log.tail(),
            });
        }
        if self.started.elapsed() > START_DEADLINE {
            return Err(EnvoyError::NotReady {
                after: START_DEADLINE,
                log: self.process.log.tail(),
            });
        }
        Ok(())
    }

    /// Waits until Envoy is ready.
    pub async fn ready(self) -> Result<Envoy, EnvoyError> {
        let (admin, listeners) = loop {
            self.check()?;
            if let Some(admin) = admin::read_address(&self.admin_file)
                && admin::ready(admin).await
            {
                let listeners = admin::listeners(admin).await?;
                break (admin, listeners);
            }
            pause().await;
        };
        Ok(Envoy {
            process: self.process,
            admin,
            listeners,
            _directory: self.directory,
        })
    }
}

/// The result of `--mode validate`.
#[derive(Debug)]
pub struct Validation {
    pub status: ExitStatus,
    pub log: String,
}

impl Validation {
    pub fn is_ok(&self) -> bool {
        self.status.success()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    #[error(
        "no Envoy found (looked at {looked}); run `make envoy`, or set ENVOY to the path of the one to use"
    )]
    NoBinary { looked: String },
    #[error("{} is not Envoy 1.40.x: it reports {says:?}; run `make envoy`, or set ENVOY to the path of another Envoy", path.display())]
    WrongVersion { path: PathBuf, says: String },
    #[error("the filter does not exist at {}; run `make build`, or set ENTRAGATE_WASM to the path of entragate.wasm", path.display())]
    NoWasm { path: PathBuf },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{what} is not a usable Envoy configuration: {why}")]
    Config { what: String, why: String },
    #[error("Envoy ended while starting ({status}); its last lines were:\n{log}")]
    Exited { status: ExitStatus, log: String },
    #[error("Envoy was not ready after {} s; its last lines were:\n{log}", after.as_secs())]
    NotReady { after: Duration, log: String },
    #[error("Envoy's admin interface gave an unexpected response to {path}: {why}")]
    Admin { path: String, why: String },
    #[error("no line of the log matched within {} ms; the last lines are:\n{log}", after.as_millis())]
    NotLogged { after: Duration, log: String },
}

impl Envoy {
    /// Starts Envoy and returns when it is ready.
    pub async fn start(config: EnvoyConfig) -> Result<Envoy, EnvoyError> {
        Envoy::spawn(config)?.ready().await
    }

    /// Starts Envoy and returns immediately.
    pub fn spawn(config: EnvoyConfig) -> Result<StartingEnvoy, EnvoyError> {
        config.check_wasm()?;
        let binary = binary::find()?;
        let directory = config.write()?;
        let admin_file = directory.path().join("admin.address");
        let mut command = config.command(&binary, directory.path());
        command.arg("--admin-address-path").arg(&admin_file);
        let process = Process::start(command).map_err(|source| EnvoyError::Io {
            what: format!("cannot start {}", binary.display()),
            source,
        })?;
        Ok(StartingEnvoy {
            process,
            admin_file,
            directory,
            started: Instant::now(),
        })
    }

    /// Runs `envoy --mode validate`, which loads the filter and configures it too.
    pub async fn validate(config: &EnvoyConfig) -> Result<Validation, EnvoyError> {
        config.check_wasm()?;
        let binary = binary::find()?;
        let directory = config.write()?;
        let mut command = config.command(&binary, directory.path());
        command.args(["--mode", "validate"]);
        let io_error = |source| EnvoyError::Io {
            what: format!("cannot run {}", binary.display()),
            source,
        };
        let child = process::spawn(command).map_err(io_error)?;
        let output = runtime()
            .spawn_blocking(move || child.wait_with_output())
            .await
            .map_err(|error| io_error(io::Error::other(error)))?
            .map_err(io_error)?;
        let mut log = String::from_utf8_lossy(&output.stderr).into_owned();
        log.push_str(&String::from_utf8_lossy(&output.stdout));
        Ok(Validation {
            status: output.status,
            log,
        })
    }

    /// The listener's address (the first by name if there are several).
    pub fn addr(&self) -> SocketAddr {
        *self
            .listeners
            .values()
            .next()
            .expect("start() returned only after a listener was up")
    }

    /// A listener's address by name.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.get(name).copied()
    }

    /// The gateway's base address, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// The admin interface's base address, without a trailing slash.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether the process is still running.
    pub fn is_running(&self) -> bool {
        self.process.exited().is_none()
    }

    /// Waits until no request is in flight at a connection manager. Returns false if requests are still in flight after 20 seconds.
    pub async fn becomes_idle(&self) -> bool {
        let in_flight = |(name, value): (&String, &u64)| {
            name.starts_with("http.")
                && !name.starts_with("http.admin.")
                && name.ends_with(".downstream_rq_active")
                && *value > 0
        };
        let is_idle = async || {
            self.stats()
                .await
                .is_ok_and(|stats| !stats.iter().any(in_flight))
        };
        eventually(Duration::from_secs(20), is_idle).await
    }

    /// Counters and gauges by name.
    pub async fn stats(&self) -> Result<BTreeMap<String, u64>, EnvoyError> {
        admin::stats(self.admin).await
    }

    /// The counter or gauge of that name; if there is none, the sum of those whose names begin with that name and a dot. A name
    /// that Envoy does not know yet counts as 0.
    pub async fn stat(&self, name: &str) -> Result<u64, EnvoyError> {
        let stats = self.stats().await?;
        let goes_on = |own: &str| {
            own.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let below = || {
            stats
                .iter()
                .filter(|(own, _)| goes_on(own))
                .map(|(_, value)| value)
                .sum()
        };
        Ok(stats.get(name).copied().unwrap_or_else(below))
    }

    /// How often a VM of the filter has received an issuer's keys, by its own fetch or from another VM.
    pub async fn keys_got(&self, issuer: &str) -> Result<u64, EnvoyError> {
        let stats = self.stats().await?;
        let counted = |outcome| {
            let name = format!("wasmcustom.entragate.key_fetches.{issuer}.{outcome}");
            stats.get(&name).copied().unwrap_or_default()
        };
        Ok(counted("good") + counted("shared"))
    }

    /// The statistics in Prometheus' text format.
    pub async fn prometheus(&self) -> Result<String, EnvoyError> {
        admin::get(self.admin, "/stats/prometheus").await
    }

    /// Every line of Envoy's own log so far.
    pub fn log_lines(&self) -> Vec<String> {
        self.log().lines()
    }

    /// The audit records so far: wasm log lines whose text is a JSON object.
    pub fn audit_lines(&self) -> Vec<Value> {
        self.log()
            .lines()
            .iter()
            .filter_map(|line| log::audit_record(line))
            .collect()
    }

    /// The access log so far, one JSON object a request.
    pub fn access_lines(&self) -> Vec<Value> {
        let lines = self.process.access.lines();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The first log line, past or future, that `wanted` accepts.
    pub async fn wait_for_log(
        &self,
        wanted: impl Fn(&str) -> bool,
        deadline: Duration,
    ) -> Result<String, EnvoyError> {
        self.log()
            .wait(deadline, |line| wanted(line).then(|| line.to_owned()))
            .await
    }

    /// The first audit record, past or future, that `wanted` accepts.
    pub async fn wait_for_audit(
        &self,
        wanted: impl Fn(&Value) -> bool,
        deadline: Duration,
    ) -> Result<Value, EnvoyError> {
        self.log()
            .wait(deadline, |line| {
                log::audit_record(line).filter(|record| wanted(record))
            })
            .await
    }

    /// The next audit record at or after log line `from`, without a deadline; `from` moves to the line after it.
    pub async fn next_audit(&self, from: &mut usize) -> Value {
        self.log().next(from, log::audit_record).await
    }

    /// The first access log entry, past or future, that `wanted` accepts.
    pub async fn wait_for_access(
        &self,
        wanted: impl Fn(&Value) -> bool,
        deadline: Duration,
    ) -> Result<Value, EnvoyError> {
        let parse = |line: &str| {
            serde_json::from_str(line)
                .ok()
                .filter(|entry| wanted(entry))
        };
        self.process.access.wait(deadline, parse).await
    }

    fn log(&self) -> &Log {
        &self.process.log
    }
}
