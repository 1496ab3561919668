//! The tests: which of them reach a mutant, how long each takes, and whether one fails.

use crate::program::Program;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The first tests of a mutant take this many seconds together. All others follow, program by program.
const FIRST: f64 = 0.1;
/// Tests that take longer are used only for mutants that all others miss.
const SLOW: f64 = 1.0;

pub struct Suite<'a> {
    root: &'a Path,
    programs: &'a [Program],
    tests: Vec<Test>,
    /// The tests that reach a mutant, by its number. Quick tests that reach few others come first.
    reach: BTreeMap<usize, Vec<usize>>,
}

struct Test {
    program: usize,
    name: String,
    seconds: f64,
}

impl<'a> Suite<'a> {
    /// Runs all tests once, without a mutant.
    ///
    /// # Panics
    /// If a test fails.
    pub fn trace(root: &'a Path, programs: &'a [Program]) -> Self {
        let (mut tests, mut reach) = (Vec::new(), BTreeMap::<usize, Vec<usize>>::new());
        for (index, program) in programs.iter().enumerate() {
            let Program { name, path } = program;
            let (trace, times) = (path.with_extension("trace"), path.with_extension("times"));
            let age = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok();
            if age(&times) < age(path) {
                _ = fs::remove_file(&trace);
                let output = program.measured(root, &trace).output();
                let output = output.expect("a test program can be started");
                assert!(output.status.success(), "{name} fails without a mutant");
                fs::write(&times, &output.stdout).expect("times can be written");
            }
            let first = tests.len();
            let text = fs::read_to_string(&times).expect("times can be read");
            tests.extend(text.lines().filter_map(|line| timed(index, line)));
            let all: Vec<usize> = (first..tests.len()).collect();
            let by_name: BTreeMap<&str, usize> = all
                .iter()
                .map(|index| (tests[*index].name.as_str(), *index))
                .collect();
            for line in fs::read_to_string(&trace).unwrap_or_default().lines() {
                let (thread, id) = line
                    .split_once('\t')
                    .expect("a line of the trace has a thread and a number");
                let reaching = reach
                    .entry(id.parse().expect("a mutant has a number"))
                    .or_default();
                match by_name.get(thread) {
                    Some(test) => reaching.push(*test),
                    // A thread that some test has started.
                    None => reaching.extend(&all),
                }
            }
        }
        let mut breadth = vec![0.0; tests.len()];
        for reaching in reach.values_mut() {
            reaching.sort_unstable();
            reaching.dedup();
            reaching.iter().for_each(|test| breadth[*test] += 1.0);
        }
        let cost = |test: &usize| (tests[*test].seconds + 0.001) * breadth[*test];
        for reaching in reach.values_mut() {
            reaching.sort_by(|one, other| cost(one).total_cmp(&cost(other)));
        }
        Self {
            root,
            programs,
            tests,
            reach,
        }
    }

    pub fn len(&self) -> usize {
        self.tests.len()
    }

    /// Runs the tests that reach the mutant and are not slow. Returns the program in which one fails.
    pub fn catches(&self, id: usize) -> Option<&str> {
        let reaching = self.reach.get(&id)?;
        let quick = reaching
            .iter()
            .copied()
            .filter(|index| self.tests[*index].seconds <= SLOW);
        let quick: Vec<usize> = quick.collect();
        let mut seconds = 0.0;
        let too_much = |index: &usize| {
            seconds += self.tests[*index].seconds;
            seconds > FIRST
        };
        let end = quick.iter().position(too_much).unwrap_or(quick.len());
        let (first, later) = quick.split_at(end.max(1).min(quick.len()));
        self.run(id, first).or_else(|| self.run(id, later))
    }

    /// The same with all tests of these programs, since the test that runs first determines the value of a static.
    pub fn catches_whole(&self, id: usize) -> Option<&str> {
        let programs: BTreeSet<usize> = self
            .reach
            .get(&id)?
            .iter()
            .map(|index| self.tests[*index].program)
            .collect();
        let all = 0..self.tests.len();
        let all = all.filter(|index| programs.contains(&self.tests[*index].program));
        self.run(id, &all.collect::<Vec<_>>())
    }

    /// Runs tests program by program, the quickest program first.
    fn run(&self, id: usize, batch: &[usize]) -> Option<&str> {
        let mut by_program: BTreeMap<usize, (f64, Vec<&str>)> = BTreeMap::new();
        for test in batch.iter().map(|index| &self.tests[*index]) {
            let (seconds, names) = by_program.entry(test.program).or_default();
            *seconds += test.seconds;
            names.push(&test.name);
        }
        let mut programs: Vec<_> = by_program.into_iter().collect();
        programs.sort_by(|(_, one), (_, other)| one.0.total_cmp(&other.0));
        programs.into_iter().find_map(|(program, (usual, names))| {
            let program = &self.programs[program];
            let fails = program.fails(self.root, id, &names, usual);
            fails.then_some(program.name.as_str())
        })
    }
}

/// `test NAME ... ok <0.012s>`
fn timed(program: usize, line: &str) -> Option<Test> {
    let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let name = name.trim_end_matches(" - should panic").to_owned();
    let seconds = result
        .rsplit_once('<')?
        .1
        .strip_suffix("s>")?
        .parse()
        .ok()?;
    Some(Test {
        program,
        name,
        seconds,
    })
}
