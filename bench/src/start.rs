//! The start of an Envoy: time and CPU until it permits the first request.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use strict_host::traffic::changed;
use testbed::envoy::Envoy;

use crate::{
    load,
    native::Chain,
    other_build::credential_without_clusters,
    process,
    report::median,
    requests::Requests,
    stage::{Filters, Listener, Record, Stage},
    tokens,
};

/// Starts of each row.
const STARTS: usize = 7;
/// The time between two attempts to send the first request.
const RETRY: Duration = Duration::from_millis(2);

pub const OURS: &str = "ours, as shipped";
pub const BASELINE: &str = "ours, as shipped, the build of `BENCH_BASELINE`";
const ABOUT: [&str; 4] = [
    "no filter",
    "a wasm filter that does nothing",
    "native chain",
    OURS,
];

/// The starts of each row.
#[derive(Default)]
pub struct Starts(BTreeMap<&'static str, Vec<Start>>);

struct Start {
    time: Duration,
    cpu: Duration,
}

impl Starts {
    /// Starts all rows one after the other, several times.
    pub async fn measure(stage: &Stage) -> Result<Starts, Box<dyn Error>> {
        let requests = Requests::permitted(&tokens::permitted(&stage.entra));
        let mut starts = Starts::default();
        let listeners = listeners();
        for _ in 0..STARTS {
            for listener in &listeners {
                let start = start(stage, listener, &requests).await;
                let start = start.map_err(|error| format!("{}: {error}", listener.name))?;
                starts.0.entry(listener.name).or_default().push(start);
            }
        }
        Ok(starts)
    }

    /// Returns the median ratio of the time of neighbouring starts, or NaN if one of them was not measured.
    pub fn ratio(&self, row: &str, to: &str) -> f64 {
        let times = |row| {
            self.0
                .get(row)
                .into_iter()
                .flatten()
                .map(|start: &Start| start.time)
        };
        let pairs = times(row).zip(times(to));
        median(pairs.map(|(time, reference)| time.as_secs_f64() / reference.as_secs_f64()))
    }

    pub fn table(&self) -> String {
        let mut text =
            String::from("| Start, 2 workers | first permit after, s | CPU, s |\n|---|---|---|\n");
        for (row, starts) in &self.0 {
            let time = median(starts.iter().map(|start| start.time.as_secs_f64()));
            let cpu = median(starts.iter().map(|start| start.cpu.as_secs_f64()));
            let _ = writeln!(text, "| {row} | {time:.2} | {cpu:.2} |");
        }
        text
    }
}

fn listeners() -> Vec<Listener> {
    let [none, empty, native, ours] = ABOUT;
    let listener = |name, filters, record| Listener {
        name,
        filters,
        record,
        has_quotas: false,
    };
    let mut listeners = vec![
        listener(none, Filters::None, Record::None),
        listener(empty, Filters::Empty, Record::None),
        listener(native, Filters::Native(Chain::warm()), Record::Line),
        listener(ours, Filters::Ours(json!({})), Record::Shipped),
    ];
    if let Some(wasm) = env::var_os("BENCH_BASELINE") {
        let filters = Filters::OtherBuild {
            wasm: wasm.into(),
            // Earlier builds do not accept a list in `filter_state`.
            policy: changed(
                &credential_without_clusters(),
                &json!({"audit": {"filter_state": true}}),
            ),
        };
        listeners.push(listener(BASELINE, filters, Record::Shipped));
    }
    listeners
}

async fn start(
    stage: &Stage,
    listener: &Listener,
    requests: &Requests,
) -> Result<Start, Box<dyn Error>> {
    let port = free_port()?;
    let config = stage.config(std::slice::from_ref(listener)).await?;
    let config = config.listener_port(port);
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let started = Instant::now();
    let envoy = Envoy::spawn(config)?;
    while load::once(to, requests).is_err() {
        envoy.check()?;
        thread::sleep(RETRY);
    }
    Ok(Start {
        time: started.elapsed(),
        cpu: process::cpu_since_start(envoy.pid())?,
    })
}

/// Returns a port that is free now. Envoy cannot choose one, since it would report its choice only on the admin interface.
fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
