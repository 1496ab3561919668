//! Starts everything, and then follows the audit log.

use std::{
    error::Error,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::Duration,
};

use testbed::{
    control::Control,
    entra::Entra,
    envoy::{Envoy, EnvoyConfig},
    hf::HuggingFace,
};
use tokio::{select, signal, time};

use crate::{records::Records, show, table::Table, walkthrough};

/// The port in `envoy.yaml`.
const FRIENDLY_PORT: u16 = 10_000;
/// The longest wait for an audit record, which is written when a stream has ended.
const AUDIT_DEADLINE: Duration = Duration::from_secs(5);

/// All running parts.
pub struct Stage {
    pub entra: Entra,
    pub hf: HuggingFace,
    pub control: Control,
    pub envoy: Envoy,
    pub records: Records,
}

/// Runs the walk-through and, unless `once`, continues until Ctrl-C. The audit records go to a file. Returns whether every
/// answer was the expected one.
pub async fn run(once: bool, records: &Path, port: Option<u16>) -> Result<bool, Box<dyn Error>> {
    let mut stage = start(Records::create(records)?, port).await?;
    show::stage(&stage);
    let mut audit_from = 0;
    let calls = walkthrough::perform(&stage).await?;
    let as_expected = calls.iter().all(|call| call.as_expected);

    show::heading("The audit log, one record for each decision, as `entragate audit -` shows it:");
    let mut table = Table::begin()?;
    for _ in &calls {
        match time::timeout(AUDIT_DEADLINE, stage.envoy.next_audit(&mut audit_from)).await {
            Ok(record) => {
                stage.records.add(&record)?;
                table.row(&record).await?;
            }
            Err(_) => {
                println!(
                    "  (no record within {} s; is `audit.log` set to off or denied?)",
                    AUDIT_DEADLINE.as_secs()
                );
                break;
            }
        }
    }
    table.end().await?;
    if !as_expected {
        println!("\nNot every answer was the expected one; Envoy's own log ends with:\n");
        let lines = stage.envoy.log_lines();
        for line in &lines[lines.len().saturating_sub(10)..] {
            println!("  {line}");
        }
    }
    if once {
        return Ok(as_expected);
    }
    show::try_it(&stage);
    follow(&mut stage, audit_from).await?;
    Ok(as_expected)
}

async fn start(records: Records, port: Option<u16>) -> Result<Stage, Box<dyn Error>> {
    let (entra, hf) = (Entra::start().await?, HuggingFace::start().await?);
    let control = Control::start(&entra).await?;
    let mut config = EnvoyConfig::gateway(&entra, &hf)?;
    let is_free = || TcpListener::bind((Ipv4Addr::LOCALHOST, FRIENDLY_PORT)).is_ok();
    if let Some(port) = port {
        config = config.listener_port(port);
    } else if is_free() {
        config = config.listener_port(FRIENDLY_PORT);
    } else {
        println!(
            "Port {FRIENDLY_PORT} is in use, so Envoy listens on another port, which the commands below contain."
        );
    }
    println!(
        "Starting Envoy with {} …",
        testbed::envoy::wasm_path().display()
    );
    let envoy = Envoy::start(config).await?;
    Ok(Stage {
        entra,
        hf,
        control,
        envoy,
        records,
    })
}

/// Prints audit records as they come.
async fn follow(stage: &mut Stage, mut from: usize) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    let mut table = Table::begin()?;
    let mut look = time::interval(Duration::from_millis(500));
    loop {
        select! {
            _ = signal::ctrl_c() => break,
            _ = terminate.recv() => break,
            record = stage.envoy.next_audit(&mut from) => {
                stage.records.add(&record)?;
                // On a terminal Ctrl-C ends the table as well.
                if table.row(&record).await.is_err() {
                    break;
                }
            }
            _ = look.tick() => {
                if !stage.envoy.is_running() {
                    return Err(format!("Envoy ended unexpectedly; its last line was:\n{}", stage.envoy.log_lines().last().cloned().unwrap_or_default()).into());
                }
            }
        }
    }
    table.end().await?;
    println!(
        "\nStopping Envoy and the stand-ins. The audit records remain in {}.",
        stage.records.path().display()
    );
    Ok(())
}
