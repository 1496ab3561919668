//! `pack` turns the filter into the files of a release. The same input gives the same bytes: the output does not depend on the
//! time, the machine or an undefined order.

mod archive;
mod chart;
mod image;
mod layout;
mod provenance;
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
    /// Write the OCI image layout of a program, and print its digest.
    Image {
        /// The directory with the files of the image
        #[arg(long)]
        root: PathBuf,
        /// The directory in which the layout is written
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        about: image::About,
        #[command(flatten)]
        program: image::Program,
    },
    /// Write the Helm chart as an archive and as an OCI image layout, and print the digest of the layout.
    Chart {
        /// The directory of the chart
        #[arg(long)]
        chart: PathBuf,
        /// The directory in which the archive and the directory `chart` are written
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        about: image::About,
    },
    /// Print the provenance of files: an in-toto statement with a SLSA predicate.
    Provenance {
        /// The sums of the files, as sha256sum prints them
        sums: PathBuf,
        /// A URI that identifies what ran the build
        #[arg(long, default_value = "urn:entragate:builder:local")]
        builder: String,
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
        Command::Image {
            root,
            out,
            about,
            program,
        } => {
            let digest = layout::write(&out, &image::program(&root, &program, &about)?)?;
            println!("{digest}  {}", out.display());
        }
        Command::Chart { chart, out, about } => {
            let (archive, image) = chart::of(&chart, &about)?;
            std::fs::create_dir_all(&out)?;
            std::fs::write(
                out.join(format!("entragate-chart-{}.tgz", about.release)),
                archive,
            )?;
            println!("{}  chart", layout::write(&out.join("chart"), &image)?);
        }
        Command::Provenance {
            sums,
            builder,
            about,
        } => {
            let sums = std::fs::read_to_string(&sums)
                .map_err(|error| format!("{}: {error}", sums.display()))?;
            println!("{:#}", provenance::of(&sums, &about, &builder));
        }
        Command::Sbom => {
            let metadata: serde_json::Value = serde_json::from_reader(std::io::stdin())?;
            println!("{:#}", sbom::of(&metadata)?);
        }
    }
    Ok(())
}
