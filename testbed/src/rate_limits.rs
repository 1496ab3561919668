//! A real rate limit service (testbed/limiter) with a real Redis, for Envoy's global rate limits.

use std::{env, fs, io, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    envoy::{EnvoyError, process::Process, workspace_root},
    redis::Redis,
};

/// Long enough for a loaded machine.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A running service and its Redis; both end when it is dropped.
pub struct RateLimits {
    pub redis: Redis,
    addr: SocketAddr,
    _service: Process,
    _directory: TempDir,
}

impl RateLimits {
    /// Starts both with limits in the format of envoyproxy/ratelimit.
    pub async fn start(limits: &Value) -> Result<RateLimits, EnvoyError> {
        let redis = Redis::start().await?;
        let io_error = |what: &str| {
            let what = what.to_owned();
            |source| EnvoyError::Io { what, source }
        };
        let directory = TempDir::with_prefix("entragate-limits-")
            .map_err(io_error("cannot create a directory for the limits"))?;
        // JSON is YAML.
        let file = directory.path().join("limits.yaml");
        fs::write(&file, limits.to_string()).map_err(io_error("cannot write the limits"))?;
        let binary = binary();
        let mut command = Command::new(&binary);
        command.arg("--limits").arg(&file);
        command.args(["--redis", &redis.url()]);
        let what = format!("cannot start {}; run `make limiter`", binary.display());
        let service = Process::start(command).map_err(io_error(&what))?;
        let address = |line: &str| line.strip_prefix("listening on ")?.parse().ok();
        let addr = match service.access.wait(START_DEADLINE, address).await {
            Ok(addr) => addr,
            // The service's own error is more specific than the timeout.
            Err(_) => return Err(io_error(&what)(io::Error::other(service.log.tail()))),
        };
        Ok(RateLimits {
            redis,
            addr,
            _service: service,
            _directory: directory,
        })
    }

    /// The address of its gRPC server, which has no TLS.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the count in Redis for a limit (such as `entragate/oid`) with these values of its descriptor.
    pub fn used(&self, limit: &str, values: &[&str]) -> io::Result<u64> {
        let prefix = format!("namespace:{{{limit}}},");
        let values = format!("{values:?}");
        let is_of = |key: &str| {
            let (_, counter) = key.strip_prefix(&prefix)?.split_once("counter:")?;
            let counter: Value = serde_json::from_str(counter).ok()?;
            Some(counter["set_variables"]["values"] == values)
        };
        let numbers = self.redis.numbers()?;
        let mut counters = numbers
            .iter()
            .filter(|(key, _)| is_of(key).unwrap_or_default());
        Ok(counters.next().map_or(0, |(_, used)| *used))
    }
}

/// The service that `LIMITER` names, otherwise the one in the target directory.
fn binary() -> PathBuf {
    if let Some(path) = env::var_os("LIMITER") {
        return path.into();
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    workspace_root().join(target).join("limiter/debug/limiter")
}
