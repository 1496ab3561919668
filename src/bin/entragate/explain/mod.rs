//! `entragate explain`: shows how the filter would decide one request, and why. The request passes through the filter's
//! own gate. This command prepares its input and prints its output.

pub mod answer;
pub mod keys;
pub mod question;
pub mod text;
mod token;

use crate::chosen;
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use crate::offline;
use crate::report;
use answer::Answer;
use clap::Args;
use entragate::config::Config;
use entragate::gate::Wanted;
use std::process::ExitCode;

/// Explain how the filter would decide a request, and which clauses of the rules are satisfied.
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
    let mut config = chosen::load(&arguments.file, arguments.plugin.as_deref())?.config;
    if !config.revocation.is_empty() {
        let text = "revocation: lists of revocations are not fetched here, so no caller is treated as revoked";
        report::warn(input::name_of(&arguments.file), text);
    }
    offline::prepare(&mut config);
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

/// Microsoft Graph is not called: `--groups` provides its response, or lookups are disabled.
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
        (_, Some(_)) => offline::answer_graph(config),
    }
}
