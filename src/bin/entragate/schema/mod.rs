//! `entragate schema`: the formats of the configuration and of audit records.

mod draft4;
mod markdown;

use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Print the JSON Schema of the plugin configuration, for editors.
///
/// The schema is derived from the types that the filter reads. It describes structure and values, not references between
/// parts of the configuration; `entragate check` verifies those, too.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the schema was printed
  2  invalid arguments

Examples:
  entragate schema > entragate.schema.json
  entragate schema --kong > entragate.meta.json     # next to entragate.wasm")]
pub struct Arguments {
    /// Print the file that Kong reads next to the filter: {\"config_schema\": …} in JSON Schema draft-04
    #[arg(long, group = "form")]
    kong: bool,

    /// Print the JSON Schema of an audit record instead
    #[arg(long, group = "form")]
    audit: bool,

    /// Print the configuration reference in Markdown (docs/configuration.md)
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
    // A write fails only if the reader has closed the pipe, which is not an error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn configuration() -> Value {
    entragate::config::schema()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
