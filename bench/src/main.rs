//! Compares the filter with Envoy's native filters in one real Envoy and one run. `make bench` builds everything that this
//! needs.

mod bodies;
mod contents;
mod fuel;
mod growth;
mod http;
mod latency;
mod load;
mod many_rules;
mod measure;
mod native;
mod other_build;
mod policies;
mod process;
mod push;
mod quotas;
mod report;
mod requests;
mod requirements;
mod rows;
mod run;
mod stage;
mod start;
mod tokens;
mod upstream;

use std::{env, error::Error, process::ExitCode};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match env::args().nth(1).as_deref() {
        Some("fuel") => fuel(),
        Some("growth") => growth::run().await,
        _ => run::run().await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fuel() -> Result<bool, Box<dyn Error>> {
    print!("{}", fuel::table()?);
    Ok(true)
}
