//! `entragate feed`: serves revocations as a feed that gateways poll. It follows the directories of a configuration,
//! for gateways that should hold no permission for Microsoft Graph, and receives Shared Signals (`--ssf`).

mod client;
mod collector;
mod configuration;
mod moment;
mod publisher;
mod server;
mod ssf;

use crate::clock::now;
use crate::failure::Failure;
use crate::input::{INVALID, UNREADABLE};
use clap::Args;
use client::Client;
use collector::{Collector, Event};
use entragate::revocation::directory::{Collection, DirectoryList};
use entragate::service_auth::auth::ServiceTokens;
use moment::Moment;
use publisher::Publisher;
use ssf::Receiver;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The time between two checks for calls that are due.
const TICK: Duration = Duration::from_millis(50);
/// Clears the current line of a terminal.
const CLEAR: &str = "\r\x1b[K";

/// Serve revocations as a feed that gateways poll (`revocation.feed`).
///
/// With FILE, the directories of `revocation.graph` are followed, so that the gateways need no permission for Microsoft Graph.
/// FILE is the filter's configuration: a deployment file or the plugin configuration alone. Only `issuers`, `token` and
/// `revocation.graph` are used.
///
/// With --ssf, security events of other providers are received: OpenID Shared Signals (CAEP and RISC), by polling (RFC 8936).
/// Both can be combined in one feed.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the feed was printed (--once)
  1  the configuration is not valid, or the feed was not available in time (--once)
  2  invalid arguments, or an unusable file

The file of --ssf (YAML or JSON):
  state: /var/lib/entragate/ssf.json     # the state; must survive a restart
  subjects: people.json                  # optional: {\"ada@contoso.com\": \"OBJECT ID\"}
  streams:
    - name: idp
      poll: https://idp.example.com/ssf/poll/1
      token: {env: SSF_TOKEN}            # or {file: PATH}, or {client_credentials: …}
      issuer: https://idp.example.com
      audience: https://gateway.example.com
      jwks: https://idp.example.com/ssf/keys
  docs/operating.md describes the other settings and the effect of each event.

Examples:
  entragate feed feed.yaml --listen 127.0.0.1:8125
  entragate feed feed.yaml --once > revoked.json
  entragate feed --ssf ssf.yaml")]
pub struct Arguments {
    /// A file with the filter's configuration; `-` is standard input
    #[arg(required_unless_present = "ssf")]
    file: Option<String>,

    /// A file with streams of security events to poll
    #[arg(long, value_name = "FILE")]
    ssf: Option<String>,

    /// Accept that events of this stream were lost because the transmitter had disabled it. Can be given several times
    #[arg(long, value_name = "STREAM", requires = "ssf")]
    resume: Vec<String>,

    /// The address at which the feed is served, as http://ADDRESS/revoked.json. Put a server with TLS in front of it
    #[arg(long, default_value = "127.0.0.1:8125")]
    listen: SocketAddr,

    /// Print the feed when all lists are complete and all streams are current, and exit
    #[arg(long, conflicts_with = "listen")]
    once: bool,

    /// A file with certificates (PEM) to trust instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match follow(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn follow(arguments: &Arguments) -> Result<(), Failure> {
    let client = || {
        let client = Client::new(arguments.ca.as_deref());
        client.map_err(|text| Failure::of(UNREADABLE, "--ca", text))
    };
    let mut longest = Duration::ZERO;
    let collector = match &arguments.file {
        None => None,
        Some(file) => {
            let (collector, max_stale) = collector(file, client()?)?;
            longest = longest.max(max_stale);
            Some(collector)
        }
    };
    let env = |name: &str| std::env::var(name).ok();
    let settings = arguments.ssf.as_ref().map(|file| ssf::load(file, &env));
    let settings = settings.transpose()?;
    let receiver = settings
        .as_ref()
        .map(|settings| Receiver::new(settings, &arguments.resume))
        .transpose()?
        .map(Arc::new);
    let publisher = Arc::new(Publisher::new(collector.is_some(), receiver.clone()));
    if !arguments.once {
        let address = server::start(arguments.listen, publisher.clone());
        let address = address.map_err(|error| {
            let listen = arguments.listen;
            Failure::of(UNREADABLE, "--listen", format!("{listen}: {error}"))
        })?;
        eprintln!("the feed is served at http://{address}{}", server::PATH);
    }
    for stream in settings.into_iter().flat_map(|own| own.streams) {
        longest = longest.max(stream.max_stale);
        if let Some(receiver) = &receiver {
            let publisher = publisher.clone();
            receiver.follow(stream, client()?, move || publisher.publish());
        }
    }
    if arguments.once {
        once(collector, &publisher, longest)
    } else {
        serve(collector, &publisher)
    }
}

/// Returns the collector of all directories, and the longest `max_stale` of their lists.
fn collector(file: &str, client: Client) -> Result<(Collector, Duration), Failure> {
    let config = configuration::load(file)?;
    let now = now();
    let directories = &config.revocation.directories;
    let lists = directories
        .iter()
        .flat_map(|own| Collection::ALL.map(|kind| DirectoryList::new(own.clone(), kind, now)));
    let longest = directories.iter().map(|own| own.schedule.max_stale);
    let tokens = ServiceTokens::new(&config.service_tokens, now);
    let collector = Collector::new(client, tokens, lists.collect());
    Ok((collector, longest.max().unwrap_or_default()))
}

/// Prints the feed once.
fn once(
    mut collector: Option<Collector>,
    publisher: &Publisher,
    longest: Duration,
) -> Result<(), Failure> {
    let deadline = now().plus(longest);
    let mut was_available = false;
    loop {
        collect(collector.as_mut(), publisher, &mut was_available);
        match publisher.feed() {
            Ok(feed) => {
                // A write fails only if the reader has closed the pipe, which is not an error.
                let _ = writeln!(std::io::stdout(), "{feed}");
                return Ok(());
            }
            Err(reason) if now() >= deadline => {
                return Err(Failure::of(INVALID, "--once", reason));
            }
            Err(_) => std::thread::sleep(TICK),
        }
    }
}

/// Serves the feed until the process ends.
fn serve(mut collector: Option<Collector>, publisher: &Publisher) -> Result<(), Failure> {
    let mut was_available = false;
    loop {
        collect(collector.as_mut(), publisher, &mut was_available);
        std::thread::sleep(TICK);
    }
}

/// Makes the calls to directories that are due, and publishes the changes.
fn collect(collector: Option<&mut Collector>, publisher: &Publisher, was_available: &mut bool) {
    if let Some(collector) = collector {
        let mut changed = false;
        collector.tick(now, &mut |event| {
            changed |= matches!(event, Event::Complete { changed: true });
            report(event);
        });
        let available = collector.availability(Moment::now());
        if changed || available.is_ok() != *was_available {
            *was_available = available.is_ok();
            publisher.set_directories(available.map(|()| collector.feed()));
        }
    }
    publisher.publish();
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
        Event::Log(text) => warn(&text),
    }
}

fn warn(text: &str) {
    let is_terminal = std::io::stderr().is_terminal();
    let start = if is_terminal { CLEAR } else { "" };
    eprintln!("{start}warning: {text}");
}

/// Locks a mutex whose content is valid even if another thread has panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
