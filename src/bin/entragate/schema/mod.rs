//! `entragate schema`: what a configuration and an audit record look like, for machines and people.

mod draft4;
mod markdown;

use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Print the JSON Schema of the plugin configuration, for editors.
///
/// It is derived from what the filter reads. It tells shapes, not whether names resolve: `entragate
/// check` does that, too.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  printed
  2  wrong use

Examples:
  entragate schema > entragate.schema.json
  entragate schema --kong > entragate.meta.json     # beside entragate.wasm")]
pub struct Arguments {
    /// What Kong wants beside the filter: {\"config_schema\": …} in JSON Schema draft-04
    #[arg(long, group = "form")]
    kong: bool,

    /// The schema of an audit record instead
    #[arg(long, group = "form")]
    audit: bool,

    /// The configuration's reference in Markdown: docs/configuration.md
    #[arg(long, group = "form")]
    markdown: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let text = match arguments {
        Arguments { kong: true, .. } => {
            pretty(&json!({"config_schema": draft4::of(configuration())}))
        }
        Arguments { audit: true, .. } => pretty(&entragate::audit::schema()),
        Arguments { markdown: true, .. } => markdown::of(&configuration()),
        _ => pretty(&configuration()),
    };
    // Nobody is left to tell when the reader is gone.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn configuration() -> Value {
    entragate::config::schema()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
