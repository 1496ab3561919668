//! `entragate audit`: reads audit records from a log and shows the latest ones or totals.

mod ecs;
mod groups;
mod lines;
mod table;

use crate::input::{UNREADABLE, name_of};
use clap::ValueEnum;
use entragate::time::Timestamp;
use groups::Groups;
use lines::Lines;
use serde_json::Value;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, stdin, stdout};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use table::{Form, Table};

/// Show requests, callers and models from the audit records in Envoy's log.
/// Lines that are not audit records are skipped. Records from standard input are shown as they arrive:
/// `envoy -c envoy.yaml 2>&1 | entragate audit -`
/// Exit status: 0 on success, 2 for invalid arguments or a FILE that cannot be read.
#[derive(clap::Args)]
pub struct Arguments {
    /// A log of Envoy, or audit records, one per line; `-` reads standard input
    file: String,
    /// Show totals by this field: permitted and denied requests, and tokens
    #[arg(long, value_name = "FIELD")]
    by: Option<By>,
    /// Show only requests that were denied or that failed after they were permitted
    #[arg(long)]
    denied: bool,
    /// Show only records from this time on: 15m, 24h, 7d (ago), or 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// The number of latest records of a FILE to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Print one line of JSON per record or group
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

pub fn run(arguments: &Arguments) -> ExitCode {
    let outcome = match arguments.file.as_str() {
        "-" => show(arguments, stdin().lock(), true),
        file => File::open(file).and_then(|file| show(arguments, file, false)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe, as in `entragate audit … | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", name_of(&arguments.file));
            ExitCode::from(UNREADABLE)
        }
    }
}

fn show(arguments: &Arguments, input: impl Read, is_live: bool) -> io::Result<()> {
    let records = Lines::of(BufReader::new(input));
    let records = records.filter(|record| record.as_ref().map_or(true, |own| arguments.wants(own)));
    let output = stdout();
    match arguments.by {
        Some(by) => {
            let mut groups = Groups::by(by.member());
            for record in records {
                groups.add(&record?);
            }
            groups.write(arguments.json, &mut output.lock())
        }
        None => {
            let is_terminal = output.is_terminal();
            let form = match (arguments.json, arguments.ecs) {
                (_, true) => Form::Ecs,
                (true, false) => Form::Json,
                (false, false) => Form::Rows {
                    coloured: is_terminal,
                },
            };
            let mut table = Table::new(form, output.lock());
            let mut last = VecDeque::new();
            for record in records {
                match is_live {
                    true => table.row(&record?)?,
                    false => {
                        last.push_back(record?);
                        if last.len() > arguments.last {
                            last.pop_front();
                        }
                    }
                }
            }
            last.iter().try_for_each(|record| table.row(record))
        }
    }
}

impl Arguments {
    fn wants(&self, record: &Value) -> bool {
        let is_served = matches!(
            record["code"].as_str(),
            Some("permitted" | "anonymous" | "metadata")
        );
        let is_since = |since: Timestamp| {
            let time = record["time"].as_str().unwrap_or_default();
            humantime::parse_rfc3339(time).is_ok_and(|time| timestamp(time) >= since)
        };
        !(self.denied && is_served) && self.since.is_none_or(is_since)
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(span) = humantime::parse_duration(text) {
        return Ok(timestamp(SystemTime::now()).minus(span));
    }
    humantime::parse_rfc3339_weak(text)
        .map(timestamp)
        .map_err(|_| {
            "write how long ago, such as 15m or 24h, or a time, such as 2026-11-23T08:00:00Z".into()
        })
}

fn timestamp(time: SystemTime) -> Timestamp {
    let span = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// The number of tokens in a record's usage: the total, or the only side that it contains.
fn tokens(record: &Value) -> Option<u64> {
    let count = |member: &str| record["usage"][member].as_u64();
    count("total_tokens")
        .or_else(|| count("prompt_tokens"))
        .or_else(|| count("completion_tokens"))
}

/// The requested model; if the gateway did not read it, the model in the response.
fn model(record: &Value) -> Option<&str> {
    let served = || record["usage"]["model"].as_str();
    record["model"].as_str().or_else(served)
}
