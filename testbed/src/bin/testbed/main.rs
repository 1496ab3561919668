//! `testbed`: a local gateway. A real Envoy with the filter, between stand-ins for Entra ID and Hugging Face.

mod records;
mod run;
mod show;
mod table;
mod walkthrough;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Stand-ins for Microsoft Entra ID and a Hugging Face endpoint, and a real Envoy with entragate between them.
#[derive(Parser)]
#[command(name = "testbed", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything, show it at work, then follow the audit log until Ctrl-C.
    Run {
        /// End after the walk-through: exit status 0 if every answer was the expected one, else 1.
        #[arg(long)]
        once: bool,
        /// Where the audit records go, one JSON object per line
        #[arg(long, value_name = "FILE", default_value = "target/run/audit.jsonl")]
        records: PathBuf,
        /// The gateway's port; 0 for any free one [default: 10000, or any if that is taken]
        #[arg(long)]
        port: Option<u16>,
    },
    /// Print a picture (SVG) of a Grafana dashboard.
    Dashboard {
        /// The dashboard's JSON
        file: PathBuf,
    },
    /// List the personas and how the policy in envoy.yaml answers them.
    Personas,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Personas => {
            print!("{}", testbed::control::table());
            ExitCode::SUCCESS
        }
        Command::Dashboard { file } => match dashboard(&file) {
            Ok(svg) => {
                print!("{svg}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("testbed: {}: {error}", file.display());
                ExitCode::FAILURE
            }
        },
        Command::Run {
            once,
            records,
            port,
        } => match run::run(once, &records, port).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("testbed: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn dashboard(file: &Path) -> Result<String, Box<dyn Error>> {
    let dashboard = serde_json::from_slice(&std::fs::read(file)?)?;
    Ok(testbed::dashboard::svg(&dashboard))
}
