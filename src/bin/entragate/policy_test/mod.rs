//! `entragate test`: policy tests. Cases pass through the filter's own gate, as `entragate explain` does. Assertions are
//! proved ([`crate::prove`]).

pub mod always;
pub mod caller;
mod compare;
mod coverage;
mod expectation;
mod file;
mod output;
pub mod request;
pub mod run;
mod watch;

use crate::chosen::{self, Chosen};
use crate::failure::Failure;
use crate::input::UNREADABLE;
use crate::progress::Progress;
use crate::prove::assertion::Prover;
use crate::report;
use clap::Args;
use coverage::Coverage;
use file::{PolicyFile, References};
use output::{Proof, Results};
use std::process::ExitCode;

/// Test a configuration against a file of expectations.
/// `cases` are requests with their expected decisions. Each passes through the filter's own gate, with a token that is
/// made for it. Nothing is fetched, and no signature is verified; all other checks of the token are performed. `always`
/// contains assertions about every caller and every request, which are proved, or refuted by a request that the gate
/// confirms. docs/policy-tests.md describes the file.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  every case is decided as expected, and every assertion is proved
  1  a case is decided differently, or an assertion is refuted or undecided
  2  the configuration or the policy file cannot be used

If the environment variable GITHUB_ACTIONS is true, failures are also printed
as annotations.

Examples:
  entragate test envoy.yaml --policy policy.yaml
  entragate test envoy.yaml --policy policy.yaml --junit results.xml
  entragate test envoy.yaml --policy policy.yaml --json
  entragate test envoy.yaml --policy policy.yaml --watch")]
pub struct Arguments {
    /// The configuration, or a file that contains it (as for `check`); `-` reads standard input
    file: String,

    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: String,

    /// The plugin to test, by its name or the line where it begins, if the file contains several
    #[arg(long, value_name = "NAME|LINE")]
    plugin: Option<String>,

    /// Print the results as JSON
    #[arg(long)]
    json: bool,

    /// Write the results to a file as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,

    /// Run the tests again whenever one of their files changes, until the program is stopped
    #[arg(long)]
    watch: bool,
}

const FAILED: u8 = 1;

pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.watch {
        return watch::run(arguments);
    }
    let loaded = load(arguments, &References::default());
    match loaded.and_then(|loaded| report(&loaded, arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(failure) => Failure {
            // Status 1 means that a case failed.
            status: UNREADABLE,
            ..failure
        }
        .report(),
    }
}

/// A configuration and its tests.
struct Loaded {
    chosen: Chosen,
    file: PolicyFile,
}

/// Reads the files. `references` collects the further files that the policy file names.
fn load(arguments: &Arguments, references: &References) -> Result<Loaded, Failure> {
    let chosen = chosen::load(&arguments.file, arguments.plugin.as_deref())?;
    let file = file::read(&arguments.policy, &chosen, references)?;
    Ok(Loaded { chosen, file })
}

/// Runs and reports all tests. Returns whether all succeed.
fn report(loaded: &Loaded, arguments: &Arguments) -> Result<bool, Failure> {
    let results = results(loaded)?;
    if let Some(path) = &arguments.junit {
        write_junit(path, &results)?;
    }
    if arguments.json {
        report::print(&format!("{:#}\n", results.json()));
    } else {
        report::print(&output::text::of(&results));
        if std::env::var("GITHUB_ACTIONS").is_ok_and(|is_set| is_set == "true") {
            report::print(&output::annotations::of(&results));
        }
    }
    Ok(results.hold())
}

fn results(loaded: &Loaded) -> Result<Results<'_>, Failure> {
    let Loaded { chosen, file } = loaded;
    let mut progress = Progress::new();
    let mut config = chosen.config.clone();
    run::prepare(&mut config);
    let mut cases = Vec::new();
    for (done, case) in file.cases.iter().enumerate() {
        progress.begin("case", done, file.cases.len());
        let outcome = run::run(case, &config).map_err(|text| {
            let line = case.line.map(|line| format!(":{line}")).unwrap_or_default();
            let about = format!("{}{line}", file.name);
            Failure::of(UNREADABLE, &about, format!("{}: {text}", case.name))
        });
        cases.push(outcome?);
    }
    Ok(Results {
        file: &file.name,
        coverage: Coverage::of(&cases, &config),
        cases,
        always: proofs(file, &mut progress),
        compare: comparisons(loaded, &mut progress),
    })
}

fn proofs<'c>(file: &'c PolicyFile, progress: &mut Progress) -> Vec<Proof<'c>> {
    let Some(always) = &file.always else {
        return Vec::new();
    };
    progress.begin("assertion", 0, always.assertions.len());
    let mut prover = Prover::new(&always.config, &always.prefix);
    let prove = |(done, named): (usize, &'c always::Named)| {
        progress.begin("assertion", done, always.assertions.len());
        Proof {
            name: &named.name,
            line: file.line(&named.at),
            verdict: prover.prove(&named.assertion, progress),
        }
    };
    always.assertions.iter().enumerate().map(prove).collect()
}

fn comparisons<'c>(loaded: &'c Loaded, progress: &mut Progress) -> Vec<Proof<'c>> {
    let Loaded { chosen, file } = loaded;
    let compare = |(done, compare): (usize, &'c compare::Compare)| {
        progress.begin("comparison", done, file.compare.len());
        Proof {
            name: &compare.name,
            line: file.line(&compare.at),
            verdict: compare.verdict(chosen),
        }
    };
    file.compare.iter().enumerate().map(compare).collect()
}

fn write_junit(path: &str, results: &Results<'_>) -> Result<(), Failure> {
    let failure = |text: String| Failure::of(UNREADABLE, path, text);
    let xml = output::junit::of(results).map_err(|error| failure(error.to_string()))?;
    std::fs::write(path, xml).map_err(|error| failure(error.to_string()))
}
