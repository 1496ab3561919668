//! `entragate explain`: what the filter would decide about one request, and why.
//! The request passes through the filter's own gate. This command prepares its input and prints its output.

mod answer;
mod keys;
mod question;
mod text;
mod token;

use crate::deployment::filters::{self, Filter};
use crate::deployment::load;
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use crate::report;
use answer::Answer;
use clap::Args;
use entragate::config::{AuditLog, Config};
use entragate::credential::Source;
use entragate::gate::Wanted;
use entragate::secret::Secret;
use entragate::service_auth::auth::Auth;
use std::process::ExitCode;

/// Explain what the filter would decide about a request, and which clauses of which rules are satisfied.
/// Nothing is fetched: the issuer's keys come from --jwks, or the signature is not verified (--unverified; all other
/// checks of the token are performed). Input that is missing is unknown, as it would be to the filter: without
/// --source, a rule that requires an address does not permit the request.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the request is permitted (or answered by the gateway itself)
  3  the request is denied
  1  the configuration is not valid; every error is printed with its path
  2  invalid arguments, an unreadable file, or missing keys

Examples:
  entragate explain envoy.yaml --unverified --token-file token \\
    --cluster huggingface --request 'POST /v1/chat/completions'
  entragate explain envoy.yaml --unverified --token-file - \\
    --request 'POST /v1/chat/completions' --source 10.1.2.3 \\
    --body '{\"model\":\"meta-llama/Llama-3.1-8B-Instruct\"}' \\
    --time 2026-11-23T07:30:00Z
  entragate explain envoy.yaml --unverified --token-file token \\
    --request 'POST /mcp' --tool hub_repo_search")]
pub struct Arguments {
    /// The configuration, or a file that contains it (as for `check`); `-` reads standard input
    file: String,

    /// The plugin to explain, by its name or the line where it begins, if the file contains several
    #[arg(long, value_name = "NAME|LINE")]
    plugin: Option<String>,

    /// The method and path, such as 'POST /v1/chat/completions'
    #[arg(long, value_name = "METHOD PATH")]
    request: String,

    /// The caller's token; others on this machine may see it, so prefer --token-file
    #[arg(long, conflicts_with = "token_file")]
    token: Option<String>,

    /// A file that contains the caller's token; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// The host of the request
    #[arg(long, default_value = "localhost")]
    host: String,

    /// The Envoy cluster that the request is routed to [default: unknown]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,

    /// The body; its content-type is application/json unless --header sets another
    #[arg(long)]
    body: Option<String>,

    /// The JSON-RPC method of a request to an MCP server; stands for a body with that method
    #[arg(long, value_name = "METHOD", conflicts_with = "body")]
    mcp_method: Option<String>,

    /// The tool that the request calls; stands for a body with the method tools/call
    #[arg(long, value_name = "NAME", conflicts_with = "body")]
    tool: Option<String>,

    /// The caller's IP address, as the filter would determine it
    #[arg(long, value_name = "ADDRESS")]
    source: Option<std::net::IpAddr>,

    /// The URI in the caller's client certificate
    #[arg(long, value_name = "URI")]
    peer: Option<String>,

    /// The caller's groups that Microsoft Graph would return if the token has too many to list them; '' for none
    #[arg(long, value_name = "GUID,…", value_parser = question::groups)]
    groups: Option<question::Groups>,

    /// The time of the request in UTC, such as 2026-11-23T07:30:00Z [default: now]
    #[arg(long, value_parser = question::time)]
    time: Option<entragate::time::Timestamp>,

    /// An additional header, such as 'x-api-key: …'; can be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = question::header)]
    header: Vec<(String, String)>,

    /// A file with the issuers' published keys (JWKS)
    #[arg(long, value_name = "FILE", conflicts_with = "unverified")]
    jwks: Option<String>,

    /// Accept any signature
    #[arg(long)]
    unverified: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const DENIED: u8 = 3;

pub fn run(arguments: &Arguments) -> ExitCode {
    match explain(arguments) {
        Ok(answer) => {
            let text = if arguments.json {
                format!("{:#}\n", answer.json())
            } else {
                text::of(&answer)
            };
            report::print(&text);
            if answer.is_denied() {
                ExitCode::from(DENIED)
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(failure) => failure.report(),
    }
}

fn explain(arguments: &Arguments) -> Result<Answer, Failure> {
    let mut config = load(arguments)?;
    // The decision is read from the audit record.
    config.audit.log = AuditLog::All;
    if !std::mem::take(&mut config.revocation).is_empty() {
        let text = "revocation: lists of revocations are not fetched here, so no caller is treated as revoked";
        report::warn(input::name_of(&arguments.file), text);
    }
    for credential in &mut config.credentials {
        // The answer names the credential and never shows its value, so a placeholder replaces the fetched value.
        if let Source::Polled(_) = credential.source {
            credential.source = Source::Fixed(Secret::new("unset".to_owned()));
        }
    }
    replace_graph(arguments, &mut config);
    if arguments.cluster.is_none() && Wanted::by(&config).cluster() {
        let text = "the configuration refers to clusters, and the request's cluster is unknown; set it with \
                    --cluster";
        report::warn(input::name_of(&arguments.file), text);
    }
    let question = question::ask(arguments, &config)?;
    let token = token::read(&question, &config);
    keys::provide(arguments, &question, &mut config)?;
    answer::of(config, question, token, arguments.unverified).ok_or_else(|| {
        let text = "the keys of the token's issuer are required; pass them with --jwks FILE, or accept any \
                    signature with --unverified";
        Failure::of(UNREADABLE, "--jwks", text)
    })
}

/// Microsoft Graph is not called: `--groups` provides its response, or look-ups are disabled.
fn replace_graph(arguments: &Arguments, config: &mut Config) {
    let warn = |text: &str| report::warn(input::name_of(&arguments.file), text);
    let lookups = config.directories.iter_mut().flatten();
    match (lookups.count(), &arguments.groups) {
        (0, None) => {}
        (0, Some(_)) => {
            warn("no issuer looks up groups in Microsoft Graph, so --groups has no effect");
        }
        (_, None) => {
            config.directories.iter_mut().for_each(|each| *each = None);
            warn(
                "Microsoft Graph is not called here; pass the groups that it would return with --groups",
            );
        }
        (_, Some(_)) => {
            for directory in config.directories.iter_mut().flatten() {
                directory.auth = Auth::Fixed(Secret::new("unset".to_owned()));
            }
        }
    }
}

/// Loads the configuration in a file. Missing environment variables get a placeholder, because their values are never
/// shown or sent.
fn load(arguments: &Arguments) -> Result<Config, Failure> {
    let files = std::slice::from_ref(&arguments.file);
    let deployment = load::load(files).map_err(Failure::unusable)?;
    let filters = filters::find(&deployment);
    let filter = choose(&filters, arguments)?;
    let env = |name: &str| std::env::var(name).ok().or(Some("unset".to_owned()));
    input::load(&filter.configuration, &env)
        .map_err(|errors| Failure::invalid_filter(filter, &errors))
}

/// Returns the only filter, or the one that `--plugin` names. Plugins of the same name differ by their lines.
fn choose<'f, 'd>(
    filters: &'f [Filter<'d>],
    arguments: &Arguments,
) -> Result<&'f Filter<'d>, Failure> {
    let file = input::name_of(&arguments.file);
    let is_wanted = |filter: &&Filter<'_>| {
        let wanted = arguments.plugin.as_deref();
        let line = filter.at("").line.map(|line| line.to_string());
        wanted.is_none_or(|wanted| filter.name() == wanted || line.as_deref() == Some(wanted))
    };
    let wanted: Vec<&Filter<'_>> = filters.iter().filter(is_wanted).collect();
    let text = match (wanted.as_slice(), filters) {
        ([filter], _) => return Ok(filter),
        ([], []) => input::NO_FILTER.to_owned(),
        ([], all) => format!(
            "no plugin has the name or the line that --plugin gives; there {}",
            listed(all.iter())
        ),
        (several, _) => format!(
            "there {}; choose one with --plugin and its name or line, or pass a file that contains only one",
            listed(several.iter().copied())
        ),
    };
    Err(Failure::of(UNREADABLE, file, text))
}

/// Lists plugins with their lines.
fn listed<'f, 'd: 'f>(filters: impl Iterator<Item = &'f Filter<'d>>) -> String {
    let named = filters.map(|filter| match filter.at("").line {
        Some(line) => format!("{} (line {line})", filter.name()),
        None => format!("{} ({})", filter.name(), filter.place),
    });
    let named: Vec<String> = named.collect();
    let verb = if named.len() == 1 { "is" } else { "are" };
    format!("{verb} {}", named.join(", "))
}
