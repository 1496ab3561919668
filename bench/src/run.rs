//! A run of the comparison.

use std::{env, error::Error, fs, time::Instant};

use testbed::envoy::{Envoy, wasm_path};

use crate::{
    bodies,
    latency::{self, Latencies},
    many_rules,
    measure::{self, Memory},
    other_build::OtherBuild,
    process,
    push::Pushes,
    report::{self, Results, Samples},
    requirements::Requirement,
    rows::{self, Row},
    stage::{self, Listener, Stage},
    start::Starts,
    tokens,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const DEFAULT_ROUNDS: usize = 10;
/// Rounds before a new Envoy is started. Two Envoy processes differ more than two rounds do, because of their memory layout.
const ROUNDS_PER_ENVOY: usize = 2;

/// The part that `BENCH_ONLY` selects. Nothing is written for a part.
enum Part {
    All,
    Memory,
    Latency,
    Start,
    /// The CPU of these rows.
    Rows(Vec<String>),
}

impl Part {
    fn from_environment() -> Part {
        match env::var("BENCH_ONLY").as_deref() {
            Err(_) => Part::All,
            Ok("memory") => Part::Memory,
            Ok("latency") => Part::Latency,
            Ok("start") => Part::Start,
            Ok(names) => Part::Rows(names.split(';').map(str::to_owned).collect()),
        }
    }

    fn measures_latency(&self) -> bool {
        matches!(self, Part::All | Part::Latency)
    }
}

/// Measures, and returns whether all requirements are met.
pub async fn run() -> Outcome<bool> {
    let started = Instant::now();
    let part = Part::from_environment();
    let mut results = Results {
        rounds: rounds(DEFAULT_ROUNDS)?,
        samples: Samples::default(),
        latencies: Latencies::default(),
        memory: Memory::default(),
        starts: Starts::default(),
        pushes: Pushes::default(),
        machine: process::machine(),
        versions: versions()?,
    };
    println!("    signing tokens");
    let stage = Stage::start().await?;
    if matches!(part, Part::All | Part::Start) {
        println!("    starts, and configurations pushed under load");
        results.starts = Starts::measure(&stage).await?;
        results.pushes = Pushes::measure(&stage).await?;
    }
    let rows = match part {
        Part::Start => Vec::new(),
        _ => measure_rows(&stage, &part, &mut results).await?,
    };
    match part {
        Part::All => {}
        Part::Memory => println!("{}", report::memory_table(&results.memory)),
        Part::Latency => println!("{}", results.latency_table()),
        Part::Start => println!("{}", results.start_tables()),
        Part::Rows(_) => {
            println!("{}", report::cpu_table(&rows, &results.samples));
            println!("{}", results.added_table());
        }
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!("    took {minutes:.0} minutes");
    if !matches!(part, Part::All) {
        return Ok(true);
    }
    fs::write(stage::results(), results.to_markdown(&rows))?;
    println!("    wrote bench/RESULTS.md");
    for target in results.targets() {
        print(&target, "miss");
    }
    let required = results.required();
    for requirement in &required {
        print(requirement, "FAIL");
    }
    Ok(required.iter().all(Requirement::is_met))
}

fn print(requirement: &Requirement, otherwise: &str) {
    let verdict = if requirement.is_met() {
        "ok"
    } else {
        otherwise
    };
    let (measured, limit) = (requirement.measured(), requirement.limit());
    println!(
        "    {verdict:4} {}: {measured}, at most {limit}",
        requirement.about
    );
}

/// Measures CPU, latency and memory, if they are part of the run. Returns the rows that were measured.
async fn measure_rows(stage: &Stage, part: &Part, results: &mut Results) -> Outcome<Vec<Row>> {
    let permitted = tokens::permitted(&stage.entra);
    let mut rows = rows::rows(&stage.entra);
    rows.extend(many_rules::rows(&permitted));
    rows.extend(bodies::rows(&permitted));
    if matches!(part, Part::All | Part::Memory) {
        println!("    memory");
        let many = rows.iter().find(|row| row.name == "ours, many");
        let many = many.ok_or("there is no row `ours, many`")?;
        results.memory = measure::memory(stage, &many.requests).await?;
    }
    if !matches!(part, Part::Memory) {
        let listeners = select(part, &mut rows);
        measure_rounds(stage, part, &rows, &listeners, results).await?;
    }
    Ok(rows)
}

/// Keeps the rows of this part, adds those of other builds, and returns their listeners.
fn select(part: &Part, rows: &mut Vec<Row>) -> Vec<Listener> {
    let mut listeners = rows::listeners();
    listeners.extend(many_rules::listeners());
    listeners.extend(bodies::listeners());
    let mut add = |build: OtherBuild, rows: &mut Vec<Row>| {
        listeners.extend(build.listeners());
        rows.extend(build.rows(rows));
    };
    if let Ok(wasm) = env::var("BENCH_BASELINE") {
        add(OtherBuild::baseline(&wasm), rows);
    }
    match part {
        Part::Latency => rows.retain(|row| latency::ROWS.iter().any(|(name, _)| *name == row.name)),
        Part::Rows(names) => {
            rows.retain(|row| names.iter().any(|name| name == row.name));
            for build in names.iter().filter_map(|name| OtherBuild::named(name)) {
                add(build, rows);
            }
        }
        Part::All | Part::Memory | Part::Start => {}
    }
    listeners.retain(|listener| rows.iter().any(|row| row.listener == listener.name));
    listeners
}

async fn measure_rounds(
    stage: &Stage,
    part: &Part,
    rows: &[Row],
    listeners: &[Listener],
    results: &mut Results,
) -> Outcome<()> {
    let rounds = results.rounds;
    let mut done = 0;
    while done < rounds {
        let count = ROUNDS_PER_ENVOY.min(rounds - done);
        let (first, last) = (done + 1, done + count);
        println!("    rounds {first} to {last} of {rounds}: starting Envoy");
        let envoy = stage.envoy(listeners).await?;
        for row in rows {
            let prepared = measure::prepare(&envoy, row).await;
            prepared.map_err(|error| format!("{}: {error}", row.name))?;
        }
        sample(&envoy, rows, count, &mut results.samples).await?;
        if part.measures_latency() {
            let (samples, latencies) = (&results.samples, &mut results.latencies);
            latencies.take(&envoy, rows, count, samples).await?;
        }
        done += count;
    }
    Ok(())
}

/// Takes one sample per row and round. Every other round runs backwards, so that a row does not always follow the same row.
async fn sample(envoy: &Envoy, rows: &[Row], rounds: usize, samples: &mut Samples) -> Outcome<()> {
    for round in 0..rounds {
        let mut order: Vec<&Row> = rows.iter().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for row in order {
            let sample = measure::sample(envoy, row).await;
            let sample = sample.map_err(|error| format!("{}: {error}", row.name))?;
            samples.0.entry(row.name).or_default().push(sample);
        }
    }
    Ok(())
}

/// Returns `BENCH_ROUNDS`.
pub fn rounds(default: usize) -> Outcome<usize> {
    match env::var("BENCH_ROUNDS") {
        Ok(rounds) => Ok(rounds
            .parse()
            .map_err(|_| "BENCH_ROUNDS: must be a number")?),
        Err(_) => Ok(default),
    }
}

/// Returns the versions of Envoy and the filter.
pub fn versions() -> Outcome<String> {
    let bytes = fs::metadata(wasm_path())?.len();
    Ok(format!(
        "Envoy 1.40, entragate {} ({} KB of wasm)",
        env!("CARGO_PKG_VERSION"),
        bytes / 1000
    ))
}
