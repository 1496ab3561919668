//! The mutants that no running program can turn on: each gets a build of its own, first of the unit tests.

use crate::build::{compile, write};
use crate::list::Mutant;
use std::fs;
use std::path::Path;

pub enum Verdict {
    /// By a test of that program.
    Caught(String),
    Missed,
    /// It does not compile.
    Unviable,
}

/// Builds the copy with that one instead of all others, and leaves it so.
pub fn verdict(sources: &Path, copy: &Path, mutant: &Mutant, arguments: &[String]) -> Verdict {
    let source = fs::read_to_string(sources.join(&mutant.file)).expect("a listed file");
    write(&copy.join(&mutant.file), &mutant.applied(&source));
    let further = arguments
        .iter()
        .position(|argument| argument == "--test")
        .unwrap_or(arguments.len());
    for arguments in [&arguments[..further], arguments] {
        let (programs, faults) = compile(copy, arguments);
        if !faults.is_empty() {
            return Verdict::Unviable;
        }
        const USUAL: f64 = 60.0;
        let by = programs
            .into_iter()
            .find(|program| program.fails(copy, 0, &[], USUAL));
        if let Some(by) = by {
            return Verdict::Caught(by.name);
        }
    }
    Verdict::Missed
}
