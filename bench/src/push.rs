//! New configurations while requests arrive: the requests that fail, the longest wait, and the CPU that a configuration takes.

use std::{error::Error, fmt::Write as _, fs, io, path::PathBuf, thread, time::Duration};

use serde_json::{Value, json};
use testbed::envoy::Envoy;

use crate::{
    load::{self, Paced},
    measure,
    native::Chain,
    process,
    report::median,
    requests::Requests,
    stage::{Filters, Listener, Record, Stage},
    tokens,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Configurations that are pushed, each after an interval without a push.
const PUSHES: u32 = 4;
const INTERVAL: Duration = Duration::from_millis(2500);
/// The time from the start of an interval, when connections are opened, to the push.
const BEFORE_PUSH: Duration = Duration::from_millis(200);
/// Seconds until the connections of a replaced configuration are closed, within the interval. Envoy counts whole seconds and does not
/// announce the end of connections during the first second, so with 1 it closes connections that are in use.
const DRAIN: u32 = 2;
/// Requests a second. The rate is low, so that the CPU time of a configuration is visible beside that of the requests.
const RATE: f64 = 300.0;
/// The name of a rule in `envoy.yaml` and of the native chain's policy, which each configuration changes.
const RULE: &str = "\"scientists\"";

/// The configurations pushed to each chain.
#[derive(Default)]
pub struct Pushes(Vec<(&'static str, Push)>);

struct Push {
    /// Requests that failed.
    failures: Vec<io::Error>,
    /// The longest time that a request took.
    longest: Duration,
    /// The longest time that a request took in the intervals without a push.
    undisturbed: Duration,
    /// The CPU time that one configuration takes, in milliseconds: the difference between the medians with and without it.
    cpu: f64,
}

impl Pushes {
    pub async fn measure(stage: &Stage) -> Outcome<Pushes> {
        let requests = Requests::permitted(&tokens::permitted(&stage.entra));
        let chains = [
            ("native chain", Filters::Native(Chain::warm()), Record::Line),
            (
                "ours, as shipped",
                Filters::Ours(json!({})),
                Record::Shipped,
            ),
        ];
        let mut pushes = Vec::new();
        for (name, filters, record) in chains {
            let listener = Listener {
                name: "pushed",
                filters,
                record,
                has_quotas: false,
            };
            let push = measure(stage, &listener, &requests).await;
            pushes.push((name, push.map_err(|error| format!("{name}: {error}"))?));
        }
        Ok(Pushes(pushes))
    }

    /// Returns the number of requests that failed.
    pub fn failed(&self) -> usize {
        self.0.iter().map(|(_, push)| push.failures.len()).sum()
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "| {PUSHES} configurations pushed during {RATE} requests/s | failed requests | longest request, ms | without a push, ms \
             | CPU per push, ms |\n|---|---|---|---|---|\n"
        );
        for (name, push) in &self.0 {
            let [longest, undisturbed] =
                [push.longest, push.undisturbed].map(|time| time.as_secs_f64() * 1e3);
            let _ = writeln!(
                text,
                "| {name} | {} | {longest:.0} | {undisturbed:.0} | {:.0} |",
                push.failures.len(),
                push.cpu
            );
        }
        for (name, push) in &self.0 {
            if let Some(failure) = push.failures.first() {
                let _ = writeln!(text, "\nThe first failure, {name}: {failure}");
            }
        }
        text
    }
}

async fn measure(stage: &Stage, listener: &Listener, requests: &Requests) -> Outcome<Push> {
    let directory = tempfile::tempdir()?;
    let mut pushed = None;
    let config = stage.config(std::slice::from_ref(listener)).await?;
    let config = config.drain_time(DRAIN).document(|document| {
        let file = directory.path().join("listener.json");
        pushed = Some(PushedListener::extract(document, file));
    });
    let pushed = pushed.ok_or("the configuration has no document")?;
    pushed.write(0)?;
    let envoy = stage
        .start_with(config, std::slice::from_ref(listener))
        .await?;
    // Fills the caches.
    load::saturate(measure::address(&envoy, listener.name)?, requests, 1000)?;
    let (mut with, mut without) = (Intervals::default(), Intervals::default());
    for version in 1..=PUSHES {
        without.add(interval(&envoy, listener, requests, None).await?);
        let push = Some((&pushed, version));
        with.add(interval(&envoy, listener, requests, push).await?);
    }
    let mut failures = with.failures;
    failures.extend(without.failures);
    Ok(Push {
        failures,
        longest: with.longest,
        undisturbed: without.longest,
        cpu: (median(with.cpu.into_iter()) - median(without.cpu.into_iter())) * 1e3,
    })
}

/// Intervals with or without a push.
#[derive(Default)]
struct Intervals {
    longest: Duration,
    failures: Vec<io::Error>,
    /// Envoy's CPU time in each, in seconds.
    cpu: Vec<f64>,
}

impl Intervals {
    fn add(&mut self, (paced, cpu): (Paced, Duration)) {
        self.longest = paced
            .latencies
            .into_iter()
            .fold(self.longest, Duration::max);
        self.failures.extend(paced.failures);
        self.cpu.push(cpu.as_secs_f64());
    }
}

/// Sends requests for an interval, and pushes this version after its start. Returns the outcome of the requests, and Envoy's CPU time.
async fn interval(
    envoy: &Envoy,
    listener: &Listener,
    requests: &Requests,
    push: Option<(&PushedListener, u32)>,
) -> Outcome<(Paced, Duration)> {
    let to = measure::address(envoy, listener.name)?;
    let before = process::cpu(envoy.pid())?;
    let requests = requests.clone();
    let load = thread::spawn(move || load::at_rate(to, &requests, RATE, INTERVAL));
    if let Some((listener, version)) = push {
        tokio::time::sleep(BEFORE_PUSH).await;
        listener.write(version)?;
    }
    let paced = load.join().map_err(|_| "the load panicked")??;
    let cpu = process::cpu(envoy.pid())?.saturating_sub(before);
    if let Some((_, version)) = push {
        let accepted = envoy.stat("listener_manager.lds.update_success").await?;
        // The first configuration was accepted at the start.
        let expected = u64::from(version) + 1;
        if accepted != expected {
            let error = format!("Envoy has accepted {accepted} configurations, not {expected}");
            return Err(error.into());
        }
    }
    Ok((paced, cpu))
}

/// Envoy's listener, in a file that Envoy watches.
struct PushedListener {
    file: PathBuf,
    text: String,
}

impl PushedListener {
    /// Moves the listener from the bootstrap into `file`.
    fn extract(document: &mut Value, file: PathBuf) -> PushedListener {
        let mut listener = document["static_resources"]["listeners"][0].take();
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        document["static_resources"]["listeners"] = json!([]);
        document["node"] = json!({"id": "bench", "cluster": "bench"});
        document["dynamic_resources"]["lds_config"] = json!({"path_config_source": {"path": file}});
        PushedListener {
            file,
            text: listener.to_string(),
        }
    }

    /// Writes the listener with another name of its rule. Envoy reads the file when another one is moved into its place.
    fn write(&self, version: u32) -> Outcome<()> {
        if !self.text.contains(RULE) {
            return Err(format!("the listener does not contain {RULE}").into());
        }
        let listener = self
            .text
            .replace(RULE, &format!("\"scientists-{version}\""));
        let response = format!(r#"{{"version_info":"{version}","resources":[{listener}]}}"#);
        let draft = self.file.with_extension("draft");
        fs::write(&draft, response)?;
        Ok(fs::rename(&draft, &self.file)?)
    }
}
