//! Support for filters that are instrumented to report what they execute, which `layout` uses.

use std::collections::BTreeSet;

use wasmi::{Caller, Linker};

use super::state::State;

/// Module and name of the import that reports a called function; it takes the function's index.
pub const ENTERED: (&str, &str) = ("layout", "entered");
/// Module and name of the import that reports a direct call; it takes the call's number.
pub const CALLED: (&str, &str) = ("layout", "called");
/// Module and name of the import that reports a conditional branch; it takes the condition and the branch's number, and returns the
/// condition.
pub const BRANCHED: (&str, &str) = ("layout", "branched");

/// Numbers of functions, calls or branches.
pub type Numbers = BTreeSet<u32>;

/// The functions, calls and branches that an instrumented filter has reported as executed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub functions: Numbers,
    pub calls: Numbers,
    pub branches: Branches,
}

/// The conditional branches whose condition was zero, and those whose condition was not. A branch that went both ways is in both sets.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    pub zero: Numbers,
    pub nonzero: Numbers,
}

pub(super) fn define(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    let (module, name) = ENTERED;
    linker.func_wrap(module, name, |mut guest: Caller<'_, State>, number: u32| {
        guest.data_mut().report.functions.insert(number);
    })?;
    let (module, name) = CALLED;
    linker.func_wrap(module, name, |mut guest: Caller<'_, State>, number: u32| {
        guest.data_mut().report.calls.insert(number);
    })?;
    let (module, name) = BRANCHED;
    linker.func_wrap(
        module,
        name,
        |mut guest: Caller<'_, State>, condition: i32, number: u32| {
            let branches = &mut guest.data_mut().report.branches;
            let numbers = match condition {
                0 => &mut branches.zero,
                _ => &mut branches.nonzero,
            };
            numbers.insert(number);
            condition
        },
    )?;
    Ok(())
}
