//! The command line: checks configurations and explains their decisions without a proxy.

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

/// entragate lets only authorized Microsoft Entra ID identities query Hugging Face endpoints.
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
    // Invalid arguments end the program here, with exit status 2.
    match Arguments::parse().command {
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
    }
}
