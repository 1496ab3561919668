//! `entragate feed`: follows the directories of a configuration natively and serves what is revoked as a feed, for gateways
//! that should hold no permission for Microsoft Graph.

mod client;
mod collector;
mod server;

use crate::clock::now;
use crate::deployment::{filters, load};
use crate::input::{self, UNREADABLE};
use clap::Args;
use client::Client;
use collector::{Collector, Event};
use entragate::config::Config;
use entragate::revocation::directory::{Collection, DirectoryList};
use entragate::service_auth::auth::{Auth, ServiceTokens};
use entragate::time::Timestamp;
use server::Current;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Time between two checks for calls that are due.
const TICK: Duration = Duration::from_millis(50);
/// The value of an environment variable that is not set; the configuration may name many that the feed does not need.
const UNSET: &str = "entragate-feed-unset";
/// Clears the line of a terminal.
const CLEAR: &str = "\r\x1b[K";
/// The largest feed that the filter reads.
const MAX_FEED: usize = 1024 * 1024;

/// Follow the directories of `revocation.graph` and serve what is revoked as a feed.
///
/// Gateways that poll the feed (`revocation.feed`) need no permission for Microsoft Graph. The configuration is that of the
/// filter: a deployment file or the plugin configuration alone. Only `issuers` and `revocation.graph` are used.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the feed was printed (--once)
  1  the configuration is not valid, or the lists could not be fetched in time (--once)
  2  invalid arguments, or an unusable file

Examples:
  entragate feed feed.yaml --listen 127.0.0.1:8125
  entragate feed feed.yaml --once > revoked.json")]
pub struct Arguments {
    /// A file with the filter's configuration; `-` is standard input
    file: String,

    /// The address at which the feed is served, as http://ADDRESS/revoked.json. Put a server with TLS before it
    #[arg(long, default_value = "127.0.0.1:8125")]
    listen: SocketAddr,

    /// Print the feed when all lists are complete, and exit
    #[arg(long, conflicts_with = "listen")]
    once: bool,

    /// A file with certificates (PEM) to trust instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match follow(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, text)) => {
            eprintln!("error: {text}");
            ExitCode::from(status)
        }
    }
}

fn follow(arguments: &Arguments) -> Result<(), (u8, String)> {
    let config = configuration(&arguments.file)?;
    let client = Client::new(arguments.ca.as_deref()).map_err(|text| (UNREADABLE, text))?;
    let now = now();
    let mut lists = Vec::new();
    for source in &config.revocation.directories {
        require_secret(source, &config)?;
        lists.extend(Collection::ALL.map(|own| DirectoryList::new(source.clone(), own, now)));
    }
    let longest = config
        .revocation
        .directories
        .iter()
        .map(|source| source.schedule.max_stale);
    let deadline = now.plus(longest.max().unwrap_or_default());
    let collector = Collector::new(
        client,
        ServiceTokens::new(&config.service_tokens, now),
        lists,
    );
    if arguments.once {
        once(collector, deadline)
    } else {
        serve(collector, arguments.listen)
    }
}

/// Prints the feed once.
fn once(mut collector: Collector, deadline: Timestamp) -> Result<(), (u8, String)> {
    loop {
        collector.tick(now, &mut report);
        match collector.availability(now()) {
            Ok(()) => {
                // A write fails only if the reader has closed the pipe, which is not an error.
                let _ = writeln!(std::io::stdout(), "{}", collector.feed());
                return Ok(());
            }
            Err(reason) if now() >= deadline => return Err((input::INVALID, reason)),
            Err(_) => std::thread::sleep(TICK),
        }
    }
}

/// Serves the feed until the process ends.
fn serve(mut collector: Collector, listen: SocketAddr) -> Result<(), (u8, String)> {
    let waiting = Err("the lists have not been fetched yet".to_owned());
    let current = Current::new(RwLock::new(waiting));
    let address = server::start(listen, current.clone());
    let address = address.map_err(|error| (UNREADABLE, format!("{listen}: {error}")))?;
    eprintln!("the feed is served at http://{address}{}", server::PATH);
    let mut was_available = false;
    loop {
        let mut changed = false;
        collector.tick(now, &mut |event| {
            changed |= matches!(event, Event::Complete { changed: true });
            report(event);
        });
        let available = collector.availability(now());
        if changed || available.is_ok() != was_available {
            was_available = available.is_ok();
            let feed = available.map(|()| collector.feed().to_string());
            match &feed {
                Ok(feed) if feed.len() > MAX_FEED => {
                    eprintln!("warning: the feed is larger than 1 MiB, so the filter refuses it");
                }
                Ok(_) => {}
                Err(reason) => eprintln!("the feed is not available: {reason}"),
            }
            *current.write().unwrap_or_else(PoisonError::into_inner) = feed;
        }
        std::thread::sleep(TICK);
    }
}

/// Reports progress: one line that is overwritten on a terminal, and nothing but warnings elsewhere.
fn report(event: Event) {
    let is_terminal = std::io::stderr().is_terminal();
    match event {
        Event::Page(name, pages, entries) if is_terminal => {
            eprint!("{CLEAR}{name}: {pages} pages, {entries} entries");
        }
        Event::Complete { changed: true } if is_terminal => eprint!("{CLEAR}"),
        Event::Page(..) | Event::Complete { .. } => {}
        Event::Log(text) => {
            let start = if is_terminal { CLEAR } else { "" };
            eprintln!("{start}warning: {text}");
        }
    }
}

fn configuration(file: &str) -> Result<Config, (u8, String)> {
    let files = [file.to_owned()];
    let deployment = load::load(&files).map_err(|unusable| {
        let text = |file: &load::Unusable| format!("{}: {}", file.file, file.message);
        let texts: Vec<String> = unusable.iter().map(text).collect();
        (UNREADABLE, texts.join("\n"))
    })?;
    let filters = filters::find(&deployment);
    let [filter] = filters.as_slice() else {
        let text = match filters.len() {
            0 => input::NO_FILTER.to_owned(),
            found => format!("the file configures {found} filters; pass a file with one"),
        };
        return Err((UNREADABLE, text));
    };
    let env = |name: &str| std::env::var(name).ok().or(Some(UNSET.to_owned()));
    let config = input::load(&filter.configuration, &env)
        .map_err(|errors| (input::INVALID, errors.to_string()))?;
    if config.revocation.directories.is_empty() {
        let text = "revocation.graph: is required; add the directory to follow";
        return Err((input::INVALID, text.to_owned()));
    }
    Ok(config)
}

/// Refuses a directory whose secret is not set.
fn require_secret(
    source: &entragate::revocation::directory::Source,
    config: &Config,
) -> Result<(), (u8, String)> {
    let is_unset = match &source.auth {
        Auth::Fixed(secret) => secret.expose() == UNSET,
        Auth::ServiceToken(id) => {
            let token = config.service_tokens.get(id.0);
            let holds = |body: &[u8]| {
                let body = String::from_utf8_lossy(body);
                body.contains(UNSET)
            };
            token.is_some_and(|token| holds(&token.request.body))
        }
    };
    if is_unset {
        let issuer = &source.issuer;
        let text = format!(
            "revocation.graph.auth of issuer {issuer}: its environment variable is not set; set it"
        );
        return Err((input::INVALID, text));
    }
    Ok(())
}
