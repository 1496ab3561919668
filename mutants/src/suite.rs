//! The tests: which of them come past a mutant, how long each takes, and whether one fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may take beyond ten times its usual; a mutant that is slower is caught.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tests that take this many seconds together come first, then four times as many, and so on.
const FIRST_BATCH: f64 = 0.05;
/// A test that takes longer is asked only about what all others miss.
const SLOW: f64 = 1.0;

pub struct Suite<'a> {
    root: &'a Path,
    programs: &'a [(String, PathBuf)],
    tests: Vec<Test>,
    /// By a mutant's number, the tests that come past it; first the quick ones that come past few others.
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
    /// Where one fails.
    pub fn trace(root: &'a Path, programs: &'a [(String, PathBuf)]) -> Self {
        let (mut tests, mut reach) = (Vec::new(), BTreeMap::<usize, Vec<usize>>::new());
        for (program, (name, path)) in programs.iter().enumerate() {
            let (trace, times) = (path.with_extension("trace"), path.with_extension("times"));
            let age = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok();
            if age(&times) < age(path) {
                let output = command(root, path, 0)
                    .arg("--report-time")
                    .env("MUTANT_TRACE", &trace)
                    .stdout(Stdio::piped())
                    .output()
                    .expect("a test program runs");
                assert!(output.status.success(), "{name} fails without a mutant");
                fs::write(&times, &output.stdout).expect("times can be written");
            }
            let first = tests.len();
            let text = fs::read_to_string(&times).expect("times");
            tests.extend(text.lines().filter_map(|line| timed(program, line)));
            let all: Vec<usize> = (first..tests.len()).collect();
            let by_name: BTreeMap<&str, usize> = all
                .iter()
                .map(|index| (tests[*index].name.as_str(), *index))
                .collect();
            for line in fs::read_to_string(&trace).unwrap_or_default().lines() {
                let (thread, id) = line.split_once('\t').expect("a thread and a number");
                let past = reach.entry(id.parse().expect("a number")).or_default();
                match by_name.get(thread) {
                    Some(test) => past.push(*test),
                    // Of a thread that a test has started: it may be anyone's.
                    None => past.extend(&all),
                }
            }
        }
        let mut breadth = vec![0.0; tests.len()];
        for past in reach.values_mut() {
            past.sort_unstable();
            past.dedup();
            past.iter().for_each(|test| breadth[*test] += 1.0);
        }
        let cost = |test: &usize| (tests[*test].seconds + 0.001) * breadth[*test];
        for past in reach.values_mut() {
            past.sort_by(|one, other| cost(one).total_cmp(&cost(other)));
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

    /// The program in which a test fails that comes past it, and is not slow.
    pub fn catches(&self, id: usize) -> Option<&str> {
        let past = self.reach.get(&id)?;
        let quick = past
            .iter()
            .copied()
            .filter(|index| self.tests[*index].seconds <= SLOW);
        let quick: Vec<usize> = quick.collect();
        let (mut rest, mut limit) = (quick.as_slice(), FIRST_BATCH);
        while !rest.is_empty() {
            let mut seconds = 0.0;
            let too_much = |index: &usize| {
                seconds += self.tests[*index].seconds;
                seconds > limit
            };
            let end = rest.iter().position(too_much).unwrap_or(rest.len()).max(1);
            let (batch, later) = rest.split_at(end);
            if let Some(by) = self.run(id, batch) {
                return Some(by);
            }
            (rest, limit) = (later, limit * 4.0);
        }
        None
    }

    /// The same with all tests of these programs: what a static holds is made by whichever test comes first.
    pub fn catches_whole(&self, id: usize) -> Option<&str> {
        let past = self.reach.get(&id)?;
        let reaching = |program: &usize| {
            past.iter()
                .any(|index| self.tests[*index].program == *program)
        };
        let mut programs = (0..self.programs.len()).filter(reaching);
        programs.find_map(|program| self.fails(id, program, &[], 60.0))
    }

    fn run(&self, id: usize, batch: &[usize]) -> Option<&str> {
        let mut by_program: BTreeMap<usize, Vec<&Test>> = BTreeMap::new();
        for test in batch.iter().map(|index| &self.tests[*index]) {
            by_program.entry(test.program).or_default().push(test);
        }
        by_program.into_iter().find_map(|(program, tests)| {
            let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
            self.fails(
                id,
                program,
                &names,
                tests.iter().map(|test| test.seconds).sum(),
            )
        })
    }

    fn fails(&self, id: usize, program: usize, tests: &[&str], usual: f64) -> Option<&str> {
        let (name, path) = &self.programs[program];
        let mut command = command(self.root, path, id);
        if !tests.is_empty() {
            command.arg("--exact").args(tests);
        }
        let child = command
            .arg("--fail-fast")
            .stdout(Stdio::null())
            .spawn()
            .expect("a test program starts");
        (!passes(child, PATIENCE + Duration::from_secs_f64(usual * 10.0))).then_some(name)
    }
}

fn command(root: &Path, program: &Path, id: usize) -> Command {
    let mut command = Command::new(program);
    command
        .args(["-Z", "unstable-options"])
        .current_dir(root)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUST_BACKTRACE", "0")
        .env("MUTANT", id.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
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

fn passes(mut child: Child, patience: Duration) -> bool {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child's status") {
            return status.success();
        }
        if started.elapsed() > patience {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child's status");
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
