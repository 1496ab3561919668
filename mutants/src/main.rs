//! Mutation tests in the time of one build: all the mutants that cargo-mutants lists are compiled into a copy of the
//! sources at once, the environment says which of them a run is about, and each meets the tests that come past it.
//! usage: mutants <repository> <copy of it> <list.json> <report directory> <arguments of cargo test>…
//! Writes caught.txt, missed.txt, unviable.txt (do not compile) and other.txt: those that no running program can turn
//! on (constant functions, `if let` chains), which are left to cargo-mutants itself.

mod build;
mod list;
mod splice;
mod suite;

use build::Build;
use list::Mutant;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use suite::Suite;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| {
        arguments
            .next()
            .unwrap_or_else(|| panic!("usage: {what} is missing"))
    };
    let (sources, copy) = (
        PathBuf::from(next("the repository")),
        PathBuf::from(next("the copy")),
    );
    let (list, report) = (next("the list"), PathBuf::from(next("the report")));
    let mutants = list::read(&fs::read(list).expect("the list is there"));
    // What did not compile the last time will not now.
    let known = fs::read_to_string(report.join("unviable.txt")).unwrap_or_default();
    let is_known = |mutant: &&Mutant| known.lines().any(|name| name == mutant.name);
    let unviable = mutants
        .iter()
        .filter(is_known)
        .map(|mutant| mutant.id)
        .collect();
    let build = Build::of(
        &sources,
        &copy,
        &mutants,
        unviable,
        &arguments.collect::<Vec<_>>(),
    );
    let suite = Suite::trace(&copy, &build.programs);
    println!(
        "==> mutants: {} compiled in, {} do not compile, {} are for cargo-mutants; {} tests",
        build.viable.len(),
        build.unviable.len(),
        build.other.len(),
        suite.len()
    );

    fs::create_dir_all(&report).expect("the report can be written");
    let of = |ids: &BTreeSet<usize>| {
        let names = mutants
            .iter()
            .filter(|mutant| ids.contains(&mutant.id))
            .map(|mutant| mutant.name.as_str());
        names.collect::<Vec<_>>().join("\n")
    };
    fs::write(report.join("unviable.txt"), of(&build.unviable)).expect("the report can be written");
    fs::write(report.join("other.txt"), of(&build.other)).expect("the report can be written");
    let file = |name: &str| File::create(report.join(name)).expect("the report can be written");
    let (mut caught, mut missed) = (file("caught.txt"), file("missed.txt"));
    let mut left = Vec::new();
    for mutant in mutants
        .iter()
        .filter(|mutant| build.viable.contains(&mutant.id))
    {
        if let Some(by) = suite.catches(mutant.id) {
            writeln!(caught, "{}  ({by})", mutant.name).expect("the report can be written");
        } else {
            println!("left: {}", mutant.name);
            left.push(mutant);
        }
    }
    let mut count = 0;
    for Mutant { id, name, .. } in left {
        let written = if let Some(by) = suite.catches_whole(*id) {
            writeln!(caught, "{name}  ({by}, as a whole)")
        } else {
            count += 1;
            println!("missed: {name}");
            writeln!(missed, "{name}")
        };
        written.expect("the report can be written");
    }
    println!("==> mutants: {count} missed of {}", build.viable.len());
    if count == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
