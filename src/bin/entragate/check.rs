//! `entragate check`: would the filter start with this configuration, and is it wise?

use crate::filters::Filter;
use crate::input;
use crate::reach;
use crate::report::Report;
use crate::warnings::{self, Level, Warning};
use clap::Args;
use entragate::config::{Config, ConfigErrors};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

/// Check a configuration as the filter itself does when it starts, and report every error.
///
/// Reads a plugin configuration in JSON or YAML, or finds it in an Envoy bootstrap, an Istio
/// WasmPlugin, an Envoy Gateway EnvoyExtensionPolicy or a Kong declaration; then it looks at the
/// host's settings, too.
///
/// Environment variables that this machine lacks are noted only, since the proxy runs elsewhere;
/// with --env they are errors, as they are for the filter.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the configuration is valid (there may be warnings, unless --strict)
  1  it is not; every error is printed with its path
  2  wrong use, an unreadable file, or a file with no entragate filter

Examples:
  entragate check envoy.yaml
  entragate check --strict --json envoy.yaml     # in CI
  kubectl get wasmplugin entragate -o yaml | entragate check -")]
pub struct Arguments {
    /// The file to check; `-` reads standard input
    file: String,

    /// Check this machine's environment, too: a variable that is missing is an error
    #[arg(long)]
    env: bool,

    /// Take warnings for errors
    #[arg(long)]
    strict: bool,

    /// Print JSON on standard output: what was found in each configuration of the file
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let name = input::name_of(&arguments.file);
    let filters = match input::find(&arguments.file) {
        Ok(filters) => filters,
        Err((status, message)) => {
            match arguments.json {
                true => print(&json!({"file": name, "error": message, "configurations": []})),
                false => Report::new(name).error("", &message),
            }
            return ExitCode::from(status);
        }
    };
    let found: Vec<Finding> = filters
        .into_iter()
        .map(|filter| look(filter, arguments.env))
        .collect();
    match arguments.json {
        true => print(&json!({
            "file": name,
            "error": null,
            "configurations": found.iter().map(Finding::json).collect::<Vec<_>>(),
        })),
        false => found
            .iter()
            .for_each(|found| found.report(&Report::new(name))),
    }
    match found.iter().all(|found| found.passes(arguments.strict)) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(input::INVALID),
    }
}

fn print(value: &Value) {
    // Nobody is left to tell when the reader is gone.
    let _ = writeln!(std::io::stdout(), "{value:#}");
}

/// What there is to say of one configuration.
struct Finding {
    filter: Filter,
    loaded: Result<Config, ConfigErrors>,
    warnings: Vec<Warning>,
}

fn look(filter: Filter, env: bool) -> Finding {
    let missing = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        let value = std::env::var(name).ok();
        if value.is_none() && !env {
            missing.borrow_mut().insert(name.to_owned());
            return Some("unset".to_owned());
        }
        value
    };
    let loaded = input::load(&filter, &lookup);
    let warnings = warnings::of(&filter, loaded.as_ref().ok(), &missing.borrow());
    Finding {
        filter,
        loaded,
        warnings,
    }
}

impl Finding {
    fn passes(&self, strict: bool) -> bool {
        let wise = || self.of(Level::Warning).next().is_none();
        self.loaded.is_ok() && (!strict || wise())
    }

    fn of(&self, level: Level) -> impl Iterator<Item = &Warning> {
        let warnings = self.warnings.iter();
        warnings.filter(move |warning| warning.level == level)
    }

    fn report(&self, report: &Report) {
        let place = &self.filter.place;
        for warning in &self.warnings {
            match warning.level {
                Level::Warning => report.warning(place, &warning.to_string()),
                Level::Note => report.note(place, &warning.to_string()),
            }
        }
        match &self.loaded {
            Ok(config) => {
                report.ok(place, &summary(config));
                reach::of(config).iter().for_each(|line| report.line(line));
            }
            Err(errors) => {
                for error in errors {
                    report.error(place, &error.to_string());
                }
            }
        }
    }

    fn json(&self) -> Value {
        let told = |path: &str, text: &str| json!({"path": path, "text": text});
        let of = |level| {
            let all = self.of(level);
            all.map(|warning| told(&warning.path, &warning.text))
                .collect::<Vec<_>>()
        };
        let errors: Vec<Value> = match &self.loaded {
            Ok(_) => Vec::new(),
            Err(errors) => errors
                .iter()
                .map(|error| told(&error.path, &error.problem.to_string()))
                .collect(),
        };
        json!({
            "place": self.filter.place,
            "valid": self.loaded.is_ok(),
            "policy": self.loaded.as_ref().ok().map(|config| &config.digest),
            "errors": errors,
            "warnings": of(Level::Warning),
            "notes": of(Level::Note),
        })
    }
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
