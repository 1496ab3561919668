//! `entragate explain`: what the filter would decide about one request, and why.
//!
//! The request goes through the filter's own gate; this command only makes its input and shows what
//! came out.

mod answer;
mod keys;
mod question;
mod text;

use crate::input::{self, Found, INVALID, UNREADABLE};
use crate::report::Report;
use answer::Answer;
use clap::Args;
use entragate::config::{AuditLog, Config};
use entragate::credential::Source;
use entragate::gate::Wanted;
use entragate::secret::Secret;
use entragate::service_auth::auth::Auth;
use std::io::Write;
use std::process::ExitCode;

/// Explain what the filter would decide about a request, and which clauses of which rules held.
///
/// Nothing is fetched: the issuer's keys come from --jwks, or nobody checks the signature
/// (--unverified; all other checks of the token are made). What is not given can't be told, as it
/// would be for the filter: without --source, a rule that asks for an address does not permit.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the request is permitted (or answered by the gateway itself)
  3  it is denied
  1  the configuration is not valid; every error is printed with its path
  2  wrong use, an unreadable file, or keys that nobody gave

Examples:
  entragate explain envoy.yaml --unverified --token-file token --cluster huggingface --request 'POST /v1/chat/completions'
  entragate explain envoy.yaml --unverified --token-file - --request 'POST /v1/chat/completions' \\
    --body '{\"model\":\"meta-llama/Llama-3.1-8B-Instruct\"}' --source 10.1.2.3 --time 2026-11-23T07:30:00Z")]
pub struct Arguments {
    /// The configuration, or a file that holds it as for `check`; `-` reads standard input
    file: String,

    /// Method and path, as in 'POST /v1/chat/completions'
    #[arg(long, value_name = "METHOD PATH")]
    request: String,

    /// The caller's token; others on this machine may see it, so prefer --token-file
    #[arg(long, conflicts_with = "token_file")]
    token: Option<String>,

    /// A file that holds the caller's token; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// The host that is called
    #[arg(long, default_value = "localhost")]
    host: String,

    /// The Envoy cluster that the request goes to; without, the host reports none
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,

    /// The body, as JSON unless a content-type is given
    #[arg(long)]
    body: Option<String>,

    /// The caller's address, as the filter would come to know it
    #[arg(long, value_name = "ADDRESS")]
    source: Option<std::net::IpAddr>,

    /// The URI in the caller's client certificate
    #[arg(long, value_name = "URI")]
    peer: Option<String>,

    /// Which of the groups that rules name the caller is in, as Microsoft Graph would say of one in too
    /// many for the token; '' for none
    #[arg(long, value_name = "GUID,…", value_parser = question::groups)]
    groups: Option<question::Groups>,

    /// When, in UTC as in 2026-11-23T07:30:00Z; otherwise now
    #[arg(long, value_parser = question::time)]
    time: Option<entragate::time::Timestamp>,

    /// A further header, as in 'x-api-key: …'; can be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = question::header)]
    header: Vec<(String, String)>,

    /// A file with the issuers' keys, as they publish them (JWKS)
    #[arg(long, value_name = "FILE", conflicts_with = "unverified")]
    jwks: Option<String>,

    /// Take any signature for good
    #[arg(long)]
    unverified: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

const DENIED: u8 = 3;

pub fn run(arguments: &Arguments) -> ExitCode {
    match explain(arguments) {
        Ok(answer) => {
            let text = match arguments.json {
                true => format!("{:#}\n", answer.json()),
                false => text::of(&answer),
            };
            // Nobody is left to tell when the reader is gone.
            let _ = std::io::stdout().write_all(text.as_bytes());
            match answer.is_denied() {
                true => ExitCode::from(DENIED),
                false => ExitCode::SUCCESS,
            }
        }
        Err(Failure { status, complaints }) => {
            for Complaint { about, place, text } in complaints {
                Report::new(&about).error(&place, &text);
            }
            ExitCode::from(status)
        }
    }
}

/// Why there is no answer.
struct Failure {
    status: u8,
    complaints: Vec<Complaint>,
}

struct Complaint {
    /// The file or option.
    about: String,
    /// Where in it.
    place: String,
    text: String,
}

impl Failure {
    fn of(status: u8, about: &str, text: impl Into<String>) -> Self {
        let complaint = Complaint {
            about: about.to_owned(),
            place: String::new(),
            text: text.into(),
        };
        Self {
            status,
            complaints: vec![complaint],
        }
    }
}

fn explain(arguments: &Arguments) -> Result<Answer, Failure> {
    let mut config = load(&arguments.file)?;
    // The record is where the gate says what it decided.
    config.audit.log = AuditLog::All;
    if config.revocation.take().is_some() {
        let text = "the feed is not fetched here, so nobody counts as revoked";
        Report::new(input::name_of(&arguments.file)).warning("revocation", text);
    }
    for credential in &mut config.credentials {
        // Which credential is told, never its value: what would be fetched stands for itself.
        if let Source::Polled(_) = credential.source {
            credential.source = Source::Fixed(Secret::new("unset".to_owned()));
        }
    }
    stand_in_for_graph(arguments, &mut config);
    if arguments.cluster.is_none() && Wanted::by(&config).cluster() {
        let text = "the configuration refers to clusters, and no cluster is known here; say with \
                    --cluster which one Envoy chooses for the request";
        Report::new(input::name_of(&arguments.file)).warning("clusters", text);
    }
    let question = question::ask(arguments, &config)?;
    keys::provide(arguments, &question, &mut config)?;
    answer::of(config, question, arguments.unverified).ok_or_else(|| {
        let text = "the keys of the token's issuer are needed; give them as --jwks FILE, or take the \
                    signature for good with --unverified";
        Failure::of(UNREADABLE, "--jwks", text)
    })
}

/// Graph is not asked: its answer is given, or there is none.
fn stand_in_for_graph(arguments: &Arguments, config: &mut Config) {
    let report = Report::new(input::name_of(&arguments.file));
    let asked = config.directories.iter_mut().flatten();
    match (asked.count(), &arguments.groups) {
        (0, None) => {}
        (0, Some(_)) => {
            let text = "no issuer has its callers looked up in Microsoft Graph, so --groups tells \
                        nothing";
            report.warning("groups_overage", text);
        }
        (_, None) => {
            config.directories.iter_mut().for_each(|each| *each = None);
            let text = "Microsoft Graph is not asked here; say with --groups what it would answer";
            report.warning("groups_overage", text);
        }
        (_, Some(_)) => {
            for directory in config.directories.iter_mut().flatten() {
                directory.auth = Auth::Fixed(Secret::new("unset".to_owned()));
            }
        }
    }
}

/// The one configuration in a file. What the environment lacks stands for itself: no value of it is
/// ever shown or sent.
fn load(file: &str) -> Result<Config, Failure> {
    let about = input::name_of(file);
    let filters = input::find(file).map_err(|(status, text)| Failure::of(status, about, text))?;
    let [filter] = filters.as_slice() else {
        let places: Vec<&str> = filters.iter().map(|filter| filter.place.as_str()).collect();
        let text = format!(
            "holds several configurations ({}); give one of them alone",
            places.join(", ")
        );
        return Err(Failure::of(UNREADABLE, about, text));
    };
    let env = |name: &str| std::env::var(name).ok().or(Some("unset".to_owned()));
    input::load(&filter.configuration, &env).map_err(|errors| invalid(about, filter, &errors))
}

fn invalid(about: &str, filter: &Found, errors: &entragate::config::ConfigErrors) -> Failure {
    let complaint = |error: &entragate::config::ConfigError| Complaint {
        about: about.to_owned(),
        place: filter.place.clone(),
        text: error.to_string(),
    };
    Failure {
        status: INVALID,
        complaints: errors.iter().map(complaint).collect(),
    }
}
