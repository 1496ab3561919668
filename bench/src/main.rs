//! Compares the filter with Envoy's native filters in one real Envoy and one run. `make bench` builds everything that this
//! needs.

mod bodies;
mod fuel;
mod http;
mod latency;
mod load;
mod measure;
mod native;
mod policies;
mod process;
mod quotas;
mod report;
mod rows;
mod stage;
mod tokens;
mod upstream;

use std::{env, error::Error, fs, process::ExitCode};

use latency::Latencies;
use measure::Memory;
use report::{Results, Samples};
use rows::{OtherBuild, Row};
use stage::Stage;
use testbed::envoy::{Envoy, wasm_path};

const DEFAULT_ROUNDS: usize = 15;
/// Rounds before a new Envoy is started. Two Envoy processes differ more than two rounds do, because of their memory layout.
const ROUNDS_PER_ENVOY: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some("fuel") {
        return match fuel::table() {
            Ok(table) => {
                print!("{table}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all requirements are met.
async fn run() -> Result<bool, Box<dyn Error>> {
    let rounds = match env::var("BENCH_ROUNDS") {
        Ok(rounds) => rounds
            .parse()
            .map_err(|_| "BENCH_ROUNDS: must be a number")?,
        Err(_) => DEFAULT_ROUNDS,
    };
    println!("    signing tokens");
    let stage = Stage::start().await?;
    let mut rows = rows::rows(&stage.entra);
    rows.extend(bodies::rows(&tokens::permitted(&stage.entra)));
    let only = env::var("BENCH_ONLY").ok();
    if only.as_deref() == Some("memory") {
        let memory = memory(&stage, &rows).await?;
        println!("{}", report::memory_table(&memory));
        return Ok(true);
    }
    let mut listeners = rows::listeners();
    listeners.extend(bodies::listeners());
    if let Ok(wasm) = env::var("BENCH_BASELINE") {
        let baseline = OtherBuild::baseline(&wasm);
        listeners.extend(baseline.listeners());
        rows.extend(baseline.rows(&rows));
    }
    let measures_latency = matches!(only.as_deref(), None | Some("latency"));
    if let Some(names) = &only {
        let is_named = |row: &Row| {
            if measures_latency {
                latency::ROWS.iter().any(|(name, _)| *name == row.name)
            } else {
                names.split(';').any(|name| name == row.name)
            }
        };
        rows.retain(is_named);
        for wasm in names.split(';').filter(|name| name.ends_with(".wasm")) {
            let other = OtherBuild::new(wasm);
            listeners.extend(other.listeners());
            rows.extend(other.rows(&rows));
        }
    }
    listeners.retain(|listener| rows.iter().any(|row| row.listener == listener.name));
    let mut results = Results {
        rounds,
        samples: Samples::default(),
        latencies: Latencies::default(),
        memory: Memory::default(),
        machine: process::machine(),
        versions: versions()?,
    };
    let mut done = 0;
    while done < rounds {
        let count = ROUNDS_PER_ENVOY.min(rounds - done);
        println!(
            "    rounds {} to {} of {rounds}: starting Envoy",
            done + 1,
            done + count
        );
        let envoy = stage.envoy(&listeners).await?;
        for row in &rows {
            let prepared = measure::prepare(&envoy, row).await;
            prepared.map_err(|error| format!("{}: {error}", row.name))?;
        }
        sample(&envoy, &rows, count, &mut results.samples).await?;
        if measures_latency {
            let (samples, latencies) = (&results.samples, &mut results.latencies);
            latencies.take(&envoy, &rows, count, samples).await?;
        }
        done += count;
    }
    if only.is_some() {
        if measures_latency {
            println!("{}", results.latency_table());
        } else {
            println!("{}", report::cpu_table(&rows, &results.samples));
            println!("{}", results.added_table());
        }
        return Ok(true);
    }
    println!("    memory");
    results.memory = memory(&stage, &rows).await?;
    let file = stage::results();
    fs::write(&file, results.to_markdown(&rows))?;
    println!("    wrote bench/RESULTS.md");
    Ok(verdict(&results))
}

/// Takes one sample per row and round. Every other round runs backwards, so that a row does not always follow the same row.
async fn sample(
    envoy: &Envoy,
    rows: &[Row],
    rounds: usize,
    samples: &mut Samples,
) -> Result<(), Box<dyn Error>> {
    for round in 0..rounds {
        let mut order: Vec<&Row> = rows.iter().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for row in order {
            let sample = measure::sample(envoy, row).await?;
            samples.0.entry(row.name).or_default().push(sample);
        }
    }
    Ok(())
}

async fn memory(stage: &Stage, rows: &[Row]) -> Result<Memory, Box<dyn Error>> {
    let many = rows.iter().find(|row| row.name == "ours, many");
    measure::memory(stage, &many.ok_or("there is no row `ours, many`")?.requests).await
}

fn versions() -> Result<String, Box<dyn Error>> {
    let bytes = fs::metadata(wasm_path())?.len();
    Ok(format!(
        "Envoy 1.40, entragate {} ({} KB of wasm)",
        env!("CARGO_PKG_VERSION"),
        bytes / 1000
    ))
}

fn verdict(results: &Results) -> bool {
    let requirements = results.requirements();
    for requirement in &requirements {
        let report::Requirement {
            about,
            measured,
            limit,
            ..
        } = requirement;
        let verdict = if requirement.is_met() { "ok  " } else { "FAIL" };
        println!("    {verdict} {about}: {measured:.2}, at most {limit:.2}");
    }
    requirements.iter().all(report::Requirement::is_met)
}
