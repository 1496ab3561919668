//! Builds the test programs with all mutants that compile.

use crate::list::Mutant;
use crate::program::Program;
use crate::splice::splice;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

const MODULE: &str = include_str!("mutant.rs");

/// The roots of the crates that can have mutants, and the file in which each gets `MODULE`.
const CRATES: [(&str, &str); 2] = [
    ("src/lib.rs", "src/mutant.rs"),
    ("src/bin/entragate/main.rs", "src/bin/entragate/mutant.rs"),
];

pub struct Build {
    /// In the order of the arguments that name them.
    pub programs: Vec<Program>,
    pub viable: BTreeSet<usize>,
    pub unviable: BTreeSet<usize>,
    pub other: BTreeSet<usize>,
}

impl Build {
    /// Compiles the copy until it succeeds, each time without the mutants that caused errors. `unviable`: the mutants that are known not to
    /// compile.
    pub fn of(
        sources: &Path,
        copy: &Path,
        mutants: &[Mutant],
        mut unviable: BTreeSet<usize>,
        arguments: &[String],
    ) -> Self {
        let mut files: BTreeMap<&str, (String, Vec<&Mutant>)> = BTreeMap::new();
        for mutant in mutants {
            let original = || {
                (
                    fs::read_to_string(sources.join(&mutant.file))
                        .expect("a file of the list can be read"),
                    Vec::new(),
                )
            };
            files
                .entry(&mutant.file)
                .or_insert_with(original)
                .1
                .push(mutant);
        }
        for (root, module) in CRATES {
            let text =
                fs::read_to_string(sources.join(root)).expect("the root of a crate can be read");
            write(&copy.join(root), &format!("{text}\nmod mutant;\n"));
            write(&copy.join(module), MODULE);
        }

        let mut constant = BTreeSet::new();
        loop {
            let mut regions: BTreeMap<&str, Vec<(Range<usize>, usize)>> = BTreeMap::new();
            for (file, (source, mutants)) in &files {
                let left: Vec<&Mutant> = mutants
                    .iter()
                    .filter(|mutant| !unviable.contains(&mutant.id))
                    .copied()
                    .collect();
                let spliced = splice(source, &left, &constant);
                unviable.extend(spliced.impossible);
                write(&copy.join(file), &spliced.text);
                regions.insert(file, spliced.regions);
            }
            let (programs, errors) = compile(copy, arguments);
            let viable: BTreeSet<usize> = regions.values().flatten().map(|(_, id)| *id).collect();
            if errors.is_empty() {
                let other = mutants.iter().map(|mutant| mutant.id);
                let other = other
                    .filter(|id| !viable.contains(id) && !unviable.contains(id))
                    .collect();
                return Self {
                    programs,
                    viable,
                    unviable,
                    other,
                };
            }
            let before = unviable.len() + constant.len();
            for Fault { file, bytes, text } in &errors {
                let all = regions
                    .get(file.as_str())
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let hit = all
                    .iter()
                    .filter(|(region, _)| region.start < bytes.end && bytes.start < region.end);
                let hit: BTreeSet<usize> = hit.map(|(_, id)| *id).collect();
                match not_constant(text) {
                    Some(name) if hit.is_empty() => _ = constant.insert(name),
                    None if hit.is_empty() => eprintln!("{text}"),
                    _ => unviable.extend(hit),
                }
            }
            assert!(
                unviable.len() + constant.len() > before,
                "the sources do not compile, and no mutant is the cause"
            );
            println!("==> mutants: {} do not compile", unviable.len());
        }
    }
}

/// Writes a file unless it has this text already, so that it is compiled again only if it has changed.
pub fn write(file: &Path, text: &str) {
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return;
    }
    fs::write(file, text).expect("the copy can be written");
}

/// Parses "cannot call non-const function `a::b` in constants". Returns the name of the function, which must be constant.
fn not_constant(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("cannot call non-const ")?;
    let path = rest.split('`').nth(1)?;
    path.rsplit("::").next().map(str::to_owned)
}

/// An error of the compiler.
pub struct Fault {
    file: String,
    bytes: Range<usize>,
    text: String,
}

/// Builds the test programs. Returns them in the order of the arguments that name them, and the errors.
pub fn compile(root: &Path, arguments: &[String]) -> (Vec<Program>, Vec<Fault>) {
    let output = Command::new("cargo")
        .args(["test", "--locked", "--no-run", "--message-format=json"])
        .args(arguments)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let (mut programs, mut faults) = (Vec::new(), Vec::new());
    for message in lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok()) {
        if let (Some(program), Some(true)) = (
            message["executable"].as_str(),
            message["profile"]["test"].as_bool(),
        ) {
            let name = message["target"]["name"].as_str().unwrap_or_default();
            programs.push(Program {
                name: name.to_owned(),
                path: program.into(),
            });
        }
        if message["message"]["level"] == "error" {
            faults.extend(places(&message["message"]));
        }
    }
    assert!(
        output.status.success() || !faults.is_empty(),
        "`cargo test --no-run` failed"
    );
    let order = |name: &str| arguments.iter().position(|argument| argument == name);
    programs.sort_by_key(|program: &Program| order(&program.name));
    (programs, faults)
}

fn places(message: &Value) -> Vec<Fault> {
    let text = message["rendered"].as_str().unwrap_or_default();
    let spans = message["spans"].as_array().into_iter().flatten();
    let number = |value: &Value| value.as_u64().unwrap_or_default() as usize;
    spans
        .filter(|span| span["is_primary"] == true)
        .map(|span| Fault {
            file: span["file_name"].as_str().unwrap_or_default().to_owned(),
            bytes: number(&span["byte_start"])
                ..number(&span["byte_end"]).max(number(&span["byte_start"]) + 1),
            text: text.to_owned(),
        })
        .collect()
}
