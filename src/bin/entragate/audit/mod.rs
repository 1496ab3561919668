//! `entragate audit`: reads audit records from logs, shows the latest ones or totals, or verifies their chains.

mod charges;
mod ecs;
mod groups;
mod layout;
pub mod lines;
mod table;
mod unique;
mod verify;

use crate::clock::{now, timestamp};
use crate::input::{UNREADABLE, name_of};
use crate::report;
use charges::{Charges, Per, Terms};
use clap::ValueEnum;
use entragate::time::Timestamp;
use groups::Groups;
use lines::{Lines, Logged};
use serde_json::Value;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, stdin};
use std::process::ExitCode;
use table::{Form, Table};
use verify::Verification;

/// Show requests, callers and models from the audit records in Envoy's log.
/// Lines that are not audit records are skipped. Records from standard input are shown as they arrive:
/// `envoy -c envoy.yaml 2>&1 | entragate audit -`
/// Exit status: 0 on success, 1 if --verify found something, 2 for invalid arguments or a FILE that cannot be read.
#[derive(clap::Args)]
pub struct Arguments {
    /// Logs of Envoy, or audit records, one per line, the oldest first; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Show totals by this field: permitted and denied requests, and tokens
    #[arg(long, value_name = "FIELD")]
    by: Option<By>,
    /// With --by: show the tokens that permitted requests were charged, and how many requests a quota refused
    #[arg(long, requires = "by")]
    tokens: bool,
    /// With --tokens: show each minute, hour, day or month (UTC) separately
    #[arg(long, value_name = "WINDOW", requires = "tokens")]
    per: Option<Per>,
    /// With --tokens: show the remainder of a budget of this number of tokens
    #[arg(long, value_name = "TOKENS", requires = "tokens")]
    budget: Option<u64>,
    /// With --tokens: the charge of a response without usage, as `usage.unknown_tokens` of the gateway
    #[arg(long, value_name = "TOKENS", requires = "tokens", default_value_t = 0)]
    unknown_tokens: u64,
    /// Show only requests that were denied or that failed after they were permitted
    #[arg(long)]
    denied: bool,
    /// Show only records from this time on: 15m, 24h, 7d (ago), or 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// The number of latest records to show, of all FILEs together. With `-`, all records are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Check that no record is missing, changed or out of order
    #[arg(long, conflicts_with_all = ["by", "tokens", "denied", "since", "last", "ecs"])]
    verify: bool,
    /// With --verify: accept records in any order, as an export service stores them
    #[arg(long, requires = "verify")]
    any_order: bool,
    /// Print one line of JSON per record or group, or the result of --verify as JSON
    #[arg(long)]
    json: bool,
    /// Print JSON with the field names of the Elastic Common Schema
    #[arg(long, conflicts_with_all = ["json", "by"])]
    ecs: bool,
}

/// The fields that totals can be grouped by.
#[derive(Clone, Copy, ValueEnum)]
enum By {
    Oid,
    Client,
    Issuer,
    Model,
    Rule,
    Code,
}

impl By {
    const fn member(self) -> &'static str {
        match self {
            Self::Oid => "oid",
            Self::Client => "client",
            Self::Issuer => "issuer",
            Self::Model => "model",
            Self::Rule => "rule",
            Self::Code => "code",
        }
    }
}

/// The exit status if records are missing, changed or out of order.
const NOT_INTACT: u8 = 1;

pub fn run(arguments: &Arguments) -> ExitCode {
    let outcome = if arguments.verify {
        verify(arguments)
    } else {
        show(arguments).map(|()| ExitCode::SUCCESS)
    };
    match outcome {
        Ok(code) => code,
        // The reader has closed the pipe, as in `entragate audit … | head`.
        Err((_, error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err((file, error)) => {
            report::error(name_of(&file), &error.to_string());
            ExitCode::from(UNREADABLE)
        }
    }
}

/// A file, and why reading it or writing the output failed.
type Failure = (String, io::Error);

/// Passes the records of all files to `each`, in order, each with the index of its file.
fn read(
    arguments: &Arguments,
    mut each: impl FnMut(usize, Logged) -> io::Result<()>,
) -> Result<(), Failure> {
    for (index, file) in arguments.files.iter().enumerate() {
        let opened: io::Result<Box<dyn Read>> = match file.as_str() {
            "-" => Ok(Box::new(stdin().lock())),
            name => File::open(name).map(|opened| Box::new(opened) as Box<dyn Read>),
        };
        opened
            .and_then(|input| {
                Lines::of(BufReader::new(input)).try_for_each(|logged| each(index, logged?))
            })
            .map_err(|error| (file.clone(), error))?;
    }
    Ok(())
}

fn verify(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let files = arguments.files.iter().map(|file| name_of(file).to_owned());
    let mut verification = Verification::new(files.collect(), arguments.any_order);
    read(arguments, |file, logged| {
        verification.add(file, &logged);
        Ok(())
    })?;
    let verified = verification.finish(arguments.json, &mut anstream::stdout().lock());
    if verified.map_err(of_output)? {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(NOT_INTACT))
    }
}

fn show(arguments: &Arguments) -> Result<(), Failure> {
    let output = anstream::stdout();
    let wanted = |each: &mut dyn FnMut(Value) -> io::Result<()>| {
        read(arguments, |_, logged| {
            if arguments.wants(&logged.record) {
                each(logged.record)
            } else {
                Ok(())
            }
        })
    };
    if let Some(by) = arguments.by.filter(|_| arguments.tokens) {
        let mut charges = Charges::new(Terms {
            member: by.member(),
            per: arguments.per,
            budget: arguments.budget,
            unknown_tokens: arguments.unknown_tokens,
        });
        wanted(&mut |record| {
            charges.add(&record);
            Ok(())
        })?;
        let written = charges.write(arguments.json, report::width(), &mut output.lock());
        return written.map_err(of_output);
    }
    if let Some(by) = arguments.by {
        let mut groups = Groups::by(by.member());
        wanted(&mut |record| {
            groups.add(&record);
            Ok(())
        })?;
        let written = groups.write(arguments.json, report::width(), &mut output.lock());
        return written.map_err(of_output);
    }
    let form = match (arguments.json, arguments.ecs) {
        (_, true) => Form::Ecs,
        (true, false) => Form::Json,
        (false, false) => Form::Rows {
            width: report::width(),
        },
    };
    let mut table = Table::new(form, output.lock());
    let is_live = arguments.files.iter().any(|file| file == "-");
    let mut last = VecDeque::new();
    wanted(&mut |record| {
        if is_live {
            return table.row(&record);
        }
        last.push_back(record);
        if last.len() > arguments.last {
            last.pop_front();
        }
        Ok(())
    })?;
    let written = last.iter().try_for_each(|record| table.row(record));
    written.map_err(of_output)
}

fn of_output(error: io::Error) -> Failure {
    ("standard output".to_owned(), error)
}

impl Arguments {
    fn wants(&self, record: &Value) -> bool {
        let is_since = |since: Timestamp| {
            let time = record["time"].as_str().unwrap_or_default();
            humantime::parse_rfc3339(time).is_ok_and(|time| timestamp(time) >= since)
        };
        !(self.denied && is_served(record)) && self.since.is_none_or(is_since)
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(span) = humantime::parse_duration(text) {
        return Ok(now().minus(span));
    }
    humantime::parse_rfc3339_weak(text)
        .map(timestamp)
        .map_err(|_| {
            "write how long ago, such as 15m or 24h, or a time, such as 2026-11-23T08:00:00Z".into()
        })
}

/// Whether the request was permitted and did not fail afterwards.
fn is_served(record: &Value) -> bool {
    matches!(
        record["code"].as_str(),
        Some("permitted" | "anonymous" | "metadata")
    )
}

/// The number of tokens in a record's usage: the total, or the only count that it contains.
fn tokens(record: &Value) -> Option<u64> {
    let count = |member: &str| record["usage"][member].as_u64();
    count("total_tokens")
        .or_else(|| count("prompt_tokens"))
        .or_else(|| count("completion_tokens"))
}

/// The field of a record that totals are grouped by.
fn member_of<'r>(record: &'r Value, member: &str) -> Option<&'r str> {
    match member {
        "model" => model(record),
        member => record[member].as_str(),
    }
}

/// The requested model; if the gateway did not read it, the model in the response.
fn model(record: &Value) -> Option<&str> {
    let served = || record["usage"]["model"].as_str();
    record["model"].as_str().or_else(served)
}
