//! The mutants that cannot be enabled at run time (constants). Each is built on its own, first with the unit tests only.

use crate::build::{compile, write};
use crate::list::Mutant;
use std::fs;
use std::path::Path;

pub enum Verdict {
    /// A test of this program failed.
    Caught(String),
    Missed,
    /// It does not compile.
    Unviable,
}

/// Builds the copy with one mutant only; `text` is its file with that mutant.
pub fn verdict(copy: &Path, mutant: &Mutant, text: &str, arguments: &[String]) -> Verdict {
    let file = copy.join(&mutant.file);
    let before = fs::read_to_string(&file).expect("a file of the list can be read");
    write(&file, text);
    let verdict = found(copy, arguments);
    write(&file, &before);
    verdict
}

fn found(copy: &Path, arguments: &[String]) -> Verdict {
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
