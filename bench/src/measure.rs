//! CPU, request rate and memory of an Envoy.

use std::{error::Error, time::Duration};

use serde_json::json;
use testbed::envoy::Envoy;

use crate::{
    load,
    native::Chain,
    process,
    requests::Requests,
    rows::{Check, Row},
    stage::{Filters, Listener, Record, Stage, WORKERS},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A measurement of one row in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Envoy's CPU time for one request, in microseconds.
    pub cpu: f64,
    /// Requests a second at saturation.
    pub rate: f64,
}

/// The minimum number of requests whose verification is checked.
const CHECKED: usize = 2 * load::CONNECTIONS;

/// Fills the caches of a row, then checks that its tokens are verified in the way that the row claims.
pub async fn prepare(envoy: &Envoy, row: &Row) -> Outcome<()> {
    let to = address(envoy, row.listener)?;
    match row.check {
        Check::Cache | Check::NativeCache => {
            load::each_on(to, &row.requests, WORKERS as usize)?;
        }
        Check::PartlyCached | Check::NativePartlyCached => {
            load::saturate(to, &row.requests, row.requests.distinct())?;
        }
        Check::None | Check::Host | Check::Wasm | Check::Native => {}
    }
    let before = settled(envoy, row).await?;
    let count = (row.count / 4).max(CHECKED).min(row.count);
    load::saturate(to, &row.requests, count)?;
    let counted = settled(envoy, row).await?.minus(before);
    let expected_in_limits = if row.has_quotas { count as u64 } else { 0 };
    if counted.is_as_expected(row.check, count as u64) && counted.in_limits == expected_in_limits {
        Ok(())
    } else {
        Err(format!(
            "{count} tokens were not verified and counted as the row expects; found {counted:?}"
        )
        .into())
    }
}

/// Waits until the counters no longer change. The filter passes its counters to Envoy every 50 ms.
async fn settled(envoy: &Envoy, row: &Row) -> Outcome<Checks> {
    let mut last = checks(envoy, row).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        match checks(envoy, row).await? {
            now if now == last => return Ok(now),
            now => last = now,
        }
    }
}

pub async fn sample(envoy: &Envoy, row: &Row) -> Outcome<Sample> {
    let to = address(envoy, row.listener)?;
    // A warm-up. Rows of streams have none (`count` is below 30), since each stream takes a third of a second.
    load::saturate(to, &row.requests, row.count / 30)?;
    let before = process::cpu(envoy.pid())?;
    let took = load::saturate(to, &row.requests, row.count)?;
    let cpu = process::cpu(envoy.pid())? - before;
    let count = row.count as f64;
    Ok(Sample {
        cpu: cpu.as_secs_f64() * 1e6 / count,
        rate: count / took.as_secs_f64(),
    })
}

/// Resident memory of an Envoy after requests on each worker, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub without_filter: u64,
    /// A filter that does nothing.
    pub empty: u64,
    /// The native chain with its cache; each worker caches all tokens.
    pub native_in_each: u64,
    /// Our filter with one cached token.
    pub one: u64,
    /// Our filter; each of two workers caches half of the tokens.
    pub in_total: u64,
    /// Our filter; each worker caches all tokens.
    pub in_each: u64,
}

/// Measures each case in a separate Envoy.
pub async fn memory(stage: &Stage, requests: &Requests) -> Outcome<Memory> {
    let ours = || Filters::Ours(json!({"cache": {"entries": requests.distinct(), "ttl": "1h"}}));
    let native = Filters::Native(Chain::warm());
    let half = requests.first(requests.distinct() / WORKERS as usize);
    Ok(Memory {
        without_filter: resident(stage, Filters::None, requests).await?,
        empty: resident(stage, Filters::Empty, requests).await?,
        native_in_each: resident(stage, native, requests).await?,
        one: resident(stage, ours(), &requests.first(1)).await?,
        in_total: resident(stage, ours(), &half).await?,
        in_each: resident(stage, ours(), requests).await?,
    })
}

async fn resident(stage: &Stage, filters: Filters, requests: &Requests) -> Outcome<u64> {
    let envoy = stage
        .envoy(&[Listener {
            name: "only",
            filters,
            record: Record::Line,
            has_quotas: false,
        }])
        .await?;
    let to = address(&envoy, "only")?;
    for _ in 0..2 {
        load::each_on(to, requests, WORKERS as usize)?;
    }
    settled_memory(envoy.pid()).await
}

/// Waits until the resident memory no longer shrinks: the allocator returns free memory gradually, at intervals of a second.
async fn settled_memory(pid: u32) -> Outcome<u64> {
    const NOISE: u64 = 256 * 1024;
    let mut last = process::resident(pid)?;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        match process::resident(pid)? {
            now if now + NOISE >= last => return Ok(now),
            now => last = now,
        }
    }
}

pub fn address(envoy: &Envoy, listener: &str) -> Outcome<std::net::SocketAddr> {
    Ok(envoy
        .listener(listener)
        .ok_or_else(|| format!("Envoy has no listener {listener}"))?)
}

/// The number of tokens verified so far, by method, and of requests that the rate limit service permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Checks {
    host: u64,
    wasm: u64,
    cache: u64,
    native: u64,
    native_cache: u64,
    in_limits: u64,
}

async fn checks(envoy: &Envoy, row: &Row) -> Outcome<Checks> {
    let stats = envoy.stats().await?;
    let get = |name: &str| stats.get(name).copied().unwrap_or(0);
    let ours = |method: &str| get(&format!("wasmcustom.entragate.verified_by.{method}"));
    let native = |counter: &str| get(&format!("http.{}.jwt_authn.{counter}", row.listener));
    Ok(Checks {
        host: ours("host"),
        wasm: ours("wasm"),
        cache: ours("cache"),
        native: native("allowed"),
        native_cache: native("jwt_cache_hit"),
        in_limits: get("cluster.huggingface.ratelimit.ok"),
    })
}

impl Checks {
    fn minus(self, before: Checks) -> Checks {
        Checks {
            host: self.host - before.host,
            wasm: self.wasm - before.wasm,
            cache: self.cache - before.cache,
            native: self.native - before.native,
            native_cache: self.native_cache - before.native_cache,
            in_limits: self.in_limits - before.in_limits,
        }
    }

    /// Returns whether `count` tokens were verified in the expected way. A few of the cached tokens are verified again because
    /// their `cache.ttl` is over.
    fn is_as_expected(self, check: Check, count: u64) -> bool {
        let nearly = |number: u64| number * 100 >= count * 97 && number <= count;
        match check {
            Check::None => self.host + self.wasm + self.cache + self.native == 0,
            Check::Host => self.host == count && self.cache == 0,
            Check::Wasm => self.wasm == count,
            Check::Cache => nearly(self.cache) && self.host + self.cache == count,
            Check::Native => self.native == count && self.native_cache == 0,
            Check::NativeCache => nearly(self.native_cache),
            Check::PartlyCached => self.host + self.cache == count,
            Check::NativePartlyCached => self.native == count,
        }
    }
}
