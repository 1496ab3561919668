//! `pack` turns the filter into the files of a release. The same input gives the same bytes: the output does not depend on the
//! time, the machine or an undefined order.

mod image;
mod layout;
mod sbom;

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
        /// The path of the filter
        #[arg(long)]
        wasm: PathBuf,
        /// The directory in which the directories `oci` and `oci-compat` are written
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        about: image::About,
    },
    /// Turn `cargo metadata` on standard input into a CycloneDX bill of materials of one target's dependencies.
    Sbom,
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

/// An error message for the user.
type Failure = Box<dyn std::error::Error>;

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Oci { wasm, out, about } => {
            let wasm =
                std::fs::read(&wasm).map_err(|error| format!("{}: {error}", wasm.display()))?;
            for (name, image) in [
                ("oci", image::oci(&wasm, &about)?),
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
    }
    Ok(())
}
