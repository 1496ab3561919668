//! `pack`: from the filter to what is released. The same input gives the same bytes: no clock, no machine, no order
//! that could differ goes into anything.

mod image;
mod layout;
mod sbom;
mod sums;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Packs the filter for registries and releases.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write OCI image layouts in both forms that Istio and Envoy Gateway accept, and print their digests.
    Oci {
        /// The filter
        #[arg(long)]
        wasm: PathBuf,
        /// Gets the folders `oci` and `oci-compat`
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        about: image::About,
    },
    /// Turn `cargo metadata` on standard input into a CycloneDX bill of materials of one target's dependencies.
    Sbom,
    /// Print the SHA-256 sum of each file below a folder, as sha256sum does.
    Sums { folder: PathBuf },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pack: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What went wrong, and where.
type Failure = Box<dyn std::error::Error>;

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Oci { wasm, out, about } => {
            let wasm =
                std::fs::read(&wasm).map_err(|error| format!("{}: {error}", wasm.display()))?;
            for (name, image) in [
                ("oci", image::modular(&wasm, &about)?),
                ("oci-compat", image::compat(&wasm, &about)?),
            ] {
                let digest = layout::write(&out.join(name), &image)?;
                println!("{digest}  {name}");
            }
        }
        Command::Sbom => {
            let metadata: serde_json::Value = serde_json::from_reader(std::io::stdin())?;
            println!("{:#}", sbom::of(&metadata)?);
        }
        Command::Sums { folder } => print!("{}", sums::of(&folder)?),
    }
    Ok(())
}
