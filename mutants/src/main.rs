//! Runs mutation tests with one build: compiles all mutants that cargo-mutants lists into a copy of the sources. An environment
//! variable enables one mutant per run, and each is tried with the tests that reach it. Mutants that cannot be enabled at run time
//! (constants) are built one by one.
//! usage: mutants <repository> <copy of it> <list.json> <report directory> <arguments of cargo test>…
//! Writes caught.txt, missed.txt and unviable.txt (do not compile). Fails if a mutant is missed.

mod alone;
mod build;
mod list;
mod program;
mod splice;
mod suite;

use alone::Verdict;
use build::Build;
use list::Mutant;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use suite::Suite;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| {
        let argument = arguments.next();
        argument.unwrap_or_else(|| panic!("missing argument: {what}"))
    };
    let sources = PathBuf::from(next("the repository"));
    let copy = PathBuf::from(next("the copy"));
    let list = next("the list");
    let report = PathBuf::from(next("the report"));
    let arguments: Vec<String> = arguments.collect();
    let mutants = list::read(&fs::read(list).expect("the list can be read"));
    fs::create_dir_all(&report).expect("the report can be written");

    // Mutants that did not compile in the last run are not tried again.
    let known = fs::read_to_string(report.join("unviable.txt")).unwrap_or_default();
    let is_known = |mutant: &&Mutant| known.lines().any(|name| name == mutant.name);
    let unviable = mutants.iter().filter(is_known).map(|mutant| mutant.id);
    let build = Build::of(&sources, &copy, &mutants, unviable.collect(), &arguments);
    let mut report = Report::new(&report);
    let of = |ids: &BTreeSet<usize>| {
        let is_one = |mutant: &&Mutant| ids.contains(&mutant.id);
        mutants.iter().filter(is_one).collect::<Vec<_>>()
    };
    of(&build.unviable)
        .into_iter()
        .for_each(|mutant| report.unviable(mutant));
    let (viable, other) = (of(&build.viable), of(&build.other));
    // Read now, since the sources may change during the run.
    let alone = |mutant: &&Mutant| {
        let source =
            fs::read_to_string(sources.join(&mutant.file)).expect("a file of the list can be read");
        mutant.applied(&source)
    };
    let texts: Vec<String> = other.iter().map(alone).collect();
    let suite = Suite::trace(&copy, &build.programs);
    println!(
        "==> mutants: {} compiled in, {} to build alone, {} do not compile; {} tests",
        viable.len(),
        other.len(),
        build.unviable.len(),
        suite.len()
    );

    let mut left = Vec::new();
    for (done, mutant) in viable.into_iter().enumerate() {
        match suite.catches(mutant.id) {
            Some(by) => report.caught(mutant, by),
            None => left.push(mutant),
        }
        if (done + 1) % 50 == 0 {
            println!(
                "    {} tried, {} left for the slow tests",
                done + 1,
                left.len()
            );
        }
    }
    for mutant in left {
        match suite.catches_whole(mutant.id) {
            Some(by) => report.caught(mutant, by),
            None => report.missed(mutant),
        }
    }
    for (mutant, text) in other.into_iter().zip(&texts) {
        match alone::verdict(&copy, mutant, text, &arguments) {
            Verdict::Caught(by) => report.caught(mutant, &by),
            Verdict::Missed => report.missed(mutant),
            Verdict::Unviable => report.unviable(mutant),
        }
    }
    report.sum()
}

/// The result for each mutant, written as soon as it is known.
struct Report {
    caught: File,
    missed: File,
    unviable: File,
    /// The number of lines in each of the files.
    counts: [usize; 3],
}

impl Report {
    fn new(directory: &Path) -> Self {
        let file = |name| File::create(directory.join(name)).expect("the report can be written");
        Self {
            caught: file("caught.txt"),
            missed: file("missed.txt"),
            unviable: file("unviable.txt"),
            counts: [0; 3],
        }
    }

    fn caught(&mut self, mutant: &Mutant, by: &str) {
        self.counts[0] += 1;
        writeln!(self.caught, "{}  ({by})", mutant.name).expect("the report can be written");
    }

    fn missed(&mut self, mutant: &Mutant) {
        self.counts[1] += 1;
        println!("missed: {}", mutant.name);
        writeln!(self.missed, "{}", mutant.name).expect("the report can be written");
    }

    fn unviable(&mut self, mutant: &Mutant) {
        self.counts[2] += 1;
        writeln!(self.unviable, "{}", mutant.name).expect("the report can be written");
    }

    fn sum(self) -> ExitCode {
        let [caught, missed, unviable] = self.counts;
        println!("==> mutants: {caught} caught, {missed} missed, {unviable} do not compile");
        match missed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}
