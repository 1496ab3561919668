//! `entragate check`: would the filter start with this configuration, and is it wise?

use crate::filters::Filter;
use crate::input;
use crate::report::Report;
use crate::warnings;
use clap::Args;
use entragate::config::Config;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Check a configuration as the filter itself does when it starts, and report every error.
///
/// Reads a plugin configuration in JSON or YAML, or finds it in an Envoy bootstrap, an Istio
/// WasmPlugin, an Envoy Gateway EnvoyExtensionPolicy or a Kong declaration.
///
/// Environment variables that this machine lacks are warned about only, since the proxy runs
/// elsewhere; with --env they are errors, as they are for the filter.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the configuration is valid (there may be warnings)
  1  it is not; every error is printed with its path
  2  wrong use, an unreadable file, or a file with no entragate filter

Examples:
  entragate check envoy.yaml
  kubectl get wasmplugin entragate -o yaml | entragate check -")]
pub struct Arguments {
    /// The file to check; `-` reads standard input
    file: String,

    /// Check this machine's environment, too: a variable that is missing is an error
    #[arg(long)]
    env: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let report = Report::new(input::name_of(&arguments.file));
    let filters = match input::find(&arguments.file) {
        Ok(filters) => filters,
        Err((status, message)) => {
            report.error("", &message);
            return ExitCode::from(status);
        }
    };
    let valid = filters
        .iter()
        .map(|filter| check(filter, arguments.env, &report));
    match valid.filter(|valid| !valid).count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(input::INVALID),
    }
}

/// Whether the configuration is valid.
fn check(filter: &Filter, env: bool, report: &Report) -> bool {
    let missing = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        let value = std::env::var(name).ok();
        if value.is_none() && !env {
            missing.borrow_mut().insert(name.to_owned());
            return Some("unset".to_owned());
        }
        value
    };
    let loaded = input::load(filter, &lookup);
    for warning in warnings::of(filter, &missing.borrow()) {
        report.warning(&filter.place, &warning);
    }
    match loaded {
        Ok(config) => report.ok(&filter.place, &summary(&config)),
        Err(errors) => {
            for error in &errors {
                report.error(&filter.place, &error.to_string());
            }
            return false;
        }
    }
    true
}

fn summary(config: &Config) -> String {
    let rules = config.policy.anonymous.len() + config.policy.rules.len();
    format!(
        "{}, {}, {}, policy {}",
        count(config.issuers.len(), "issuer"),
        count(rules, "rule"),
        count(config.credentials.len(), "credential"),
        config.digest
    )
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}
