//! `entragate audit`: reads audit records out of a log, and shows the last ones or adds them up.

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

/// Show who asked what of which model, from Envoy's log.
///
/// Lines that are no audit records are passed over. Standard input is followed as it comes:
/// `envoy -c envoy.yaml 2>&1 | entragate audit -`
///
/// Exits with 0; 2: wrong use, or FILE can't be read.
#[derive(clap::Args)]
pub struct Arguments {
    /// A log of Envoy's, or audit records one a line; - is standard input
    file: String,
    /// Add up instead: how many were permitted and denied, and their tokens
    #[arg(long, value_name = "FIELD")]
    by: Option<By>,
    /// Only what was denied, or permitted in vain
    #[arg(long)]
    denied: bool,
    /// Only from then on: 15m, 24h, 7d (ago), or 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// How many of the last records of a FILE are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// One line of JSON a record, or a group
    #[arg(long)]
    json: bool,
    /// The same under the names of the Elastic Common Schema
    #[arg(long, conflicts_with_all = ["json", "by"])]
    ecs: bool,
}

/// What records are added up by.
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
        // Nobody is left to read: `entragate audit … | head`.
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

/// The tokens that a record's usage tells of; one side of them where it tells no more.
fn tokens(record: &Value) -> Option<u64> {
    let count = |member: &str| record["usage"][member].as_u64();
    count("total_tokens")
        .or_else(|| count("prompt_tokens"))
        .or_else(|| count("completion_tokens"))
}

/// The model asked for; where the gateway did not look, the one that says it has answered.
fn model(record: &Value) -> Option<&str> {
    let served = || record["usage"]["model"].as_str();
    record["model"].as_str().or_else(served)
}
