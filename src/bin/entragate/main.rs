//! The command line: looks at configurations, and what they would decide, before a proxy does.

#![forbid(unsafe_code)]

mod audit;
mod check;
mod deployment;
mod document;
mod explain;
mod input;
mod reach;
mod report;
mod schema;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// entragate lets Microsoft Entra ID identities, and nobody else, query Hugging Face endpoints.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(audit::Arguments),
    Check(check::Arguments),
    Explain(Box<explain::Arguments>),
    Schema(schema::Arguments),
}

fn main() -> ExitCode {
    // A wrong use ends here, with 2.
    match Arguments::parse().command {
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
    }
}
