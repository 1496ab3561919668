//! `entragate replay`: evaluates audit records against another configuration and shows which decisions would change.
//!
//! A record contains the request, the caller's ids, and the claims of `audit.claims`, but no other claim. A requirement on
//! a claim that the record does not contain is unknown, unless the configuration that wrote the record shows its value.

mod codes;
mod evaluator;
mod known;
mod output;
mod request;
mod target;

use crate::audit::lines::{Lines, Logged};
use crate::chosen;
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use crate::report;
use clap::Args;
use evaluator::Evaluator;
use output::Summary;
use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::process::ExitCode;

/// Show which decisions in audit records another configuration would change.
/// The requests of the records are decided again, as far as the records contain the facts that the rules need: the
/// request, the caller's ids, and the claims that `audit.claims` lists. With --old, the recorded decision shows more: a
/// caller that a rule permitted satisfied its requirement.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  no decision is known to change
  1  a decision changes
  2  a configuration or a log cannot be used

Examples:
  entragate replay new.yaml --audit envoy.log
  entragate replay new.yaml --old envoy.yaml --audit envoy.log --json")]
pub struct Arguments {
    /// The new configuration, or a file that contains it (as for `check`)
    file: String,

    /// Logs of Envoy, or audit records, one per line; `-` reads standard input
    #[arg(long, required = true, value_name = "FILE")]
    audit: Vec<String>,

    /// The configuration that wrote the records
    #[arg(long, value_name = "FILE")]
    old: Option<String>,

    /// The plugin, by its name or the line where it begins, if a file contains several
    #[arg(long, value_name = "NAME|LINE")]
    plugin: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const CHANGED: u8 = 1;

pub fn run(arguments: &Arguments) -> ExitCode {
    match replay(arguments) {
        Ok(summary) => {
            let text = if arguments.json {
                format!("{:#}\n", summary.json())
            } else {
                summary.text()
            };
            report::print(&text);
            if summary.has_changes() {
                ExitCode::from(CHANGED)
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(failure) => Failure {
            // Status 1 means that a decision changes.
            status: UNREADABLE,
            ..failure
        }
        .report(),
    }
}

fn replay(arguments: &Arguments) -> Result<Summary, Failure> {
    let plugin = arguments.plugin.as_deref();
    let new = chosen::load(&arguments.file, plugin)?.config;
    let old = match &arguments.old {
        None => None,
        Some(file) => Some(chosen::load(file, plugin)?.config),
    };
    let mut evaluator = Evaluator::new(new, old);
    let mut summary = Summary::default();
    for file in &arguments.audit {
        read(file, &mut |logged| {
            let comparison = evaluator.compare(&logged.record);
            summary.add(&logged.record, &comparison);
        })
        .map_err(|error| Failure::of(UNREADABLE, input::name_of(file), error.to_string()))?;
    }
    if summary.is_empty() {
        let text = "contains no audit record; pass Envoy's log, or records, one per line";
        let file = arguments.audit.first().map_or("-", String::as_str);
        return Err(Failure::of(UNREADABLE, input::name_of(file), text));
    }
    Ok(summary)
}

fn read(file: &str, each: &mut dyn FnMut(Logged)) -> std::io::Result<()> {
    let opened: Box<dyn Read> = match file {
        "-" => Box::new(stdin().lock()),
        name => Box::new(File::open(name)?),
    };
    for logged in Lines::of(BufReader::new(opened)) {
        each(logged?);
    }
    Ok(())
}
