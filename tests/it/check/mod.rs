//! `entragate check`: for every finding, one configuration that causes it, and one that differs only in the cause and does not.

use crate::command_line as cli;
use crate::pages as docs;

mod cases;
mod files;
mod output;
mod shipped;

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const ENVOY: &str = include_str!("bases/envoy.yaml");
const ISTIO: &str = include_str!("bases/istio.yaml");
const GATEWAY: &str = include_str!("bases/gateway.yaml");
const KONG: &str = include_str!("bases/kong.yaml");
const ALONE: &str = include_str!("bases/alone.yaml");

/// The base for Envoy in a ConfigMap.
fn kubernetes() -> String {
    let indented = ENVOY.lines().map(|line| format!("    {line}\n"));
    include_str!("bases/kubernetes.yaml").to_owned() + &indented.collect::<String>()
}

/// Changes to a base.
type Changes = &'static [(&'static str, &'static str)];

fn changed(base: &str, changes: Changes) -> String {
    let mut text = base.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the base does not contain {from:?}");
        text = text.replacen(from, to, 1);
    }
    text
}

/// Returns the exit status and the findings for a text on standard input.
fn check(text: &str, options: &[&str]) -> (i32, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entragate"));
    command.args(["check", "--json", "-"]).args(options);
    command.env("HF_READ", "hf_x").env("VAULT_TOKEN", "x");
    let outcome = cli::run(&mut command, text);
    let findings = serde_json::from_str(&outcome.out)
        .unwrap_or_else(|_| panic!("{}{}\n{text}", outcome.out, outcome.err));
    (outcome.status, findings)
}

fn ids(findings: &[Value]) -> BTreeSet<&str> {
    let ids = findings
        .iter()
        .map(|finding| finding["id"].as_str().unwrap());
    ids.collect()
}

/// Returns the ids and levels that the command line lists.
fn listed() -> Vec<(String, String)> {
    let table = cli::entragate(&["check", "--list"], "").out;
    let rows = table.lines().skip(2).map(|row| {
        let mut cells = row.split(" | ");
        let id = cells.next().unwrap().trim_matches(['|', ' ', '`']);
        (id.to_owned(), cells.next().unwrap().to_owned())
    });
    rows.collect()
}

#[test]
fn bases_have_only_notes() {
    for base in [ENVOY, ISTIO, GATEWAY, KONG, ALONE, &kubernetes()] {
        let (status, findings) = check(base, &["--strict"]);
        assert_eq!(status, 0, "{findings:#?}");
    }
}
