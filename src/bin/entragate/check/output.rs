//! How findings and results are printed.

use super::finding::{Finding, Level};
use crate::deployment::filters::Filter;
use crate::reach;
use crate::report::{CYAN, GREEN, RED, YELLOW, paint, print, print_error};
use entragate::config::Config;
use serde_json::Value;

/// Prints `FILE:LINE: level: message` on standard error.
pub fn text(finding: &Finding) {
    let (name, colour) = match finding.kind.level {
        Level::Error => ("error", RED),
        Level::Warning => ("warning", YELLOW),
        Level::Note => ("note", CYAN),
    };
    let level = paint(name, colour);
    let file = &finding.place.file;
    let line = finding.place.line.map(|line| format!(":{line}"));
    let line = line.unwrap_or_default();
    print_error(&format!("{file}{line}: {level}: {finding}"));
}

/// Prints all findings on standard output.
pub fn json(findings: &[Finding]) {
    let list: Value = findings.iter().map(Finding::json).collect();
    print(&format!("{list:#}\n"));
}

/// Prints a summary of a valid configuration, and the callers that can use each credential. Unless it is the `only`
/// configuration, its place and its plugin are named.
pub fn ok(filter: &Filter<'_>, config: &Config, only: bool) {
    let mark = paint("ok", GREEN);
    let place = filter.at("");
    let line = place.line.map(|line| format!(":{line}"));
    let line = line.unwrap_or_default();
    let which = match only {
        true => String::new(),
        false => format!("{}{line}: [{}] ", place.file, filter.name()),
    };
    print(&format!("{mark}: {which}{}\n", summary(config)));
    for line in reach::of(config) {
        print(&format!("  {line}\n"));
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
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}
