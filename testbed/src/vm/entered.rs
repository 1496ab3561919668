//! Support for filters that are instrumented to report each called function, which `layout` uses.

use std::collections::BTreeSet;

use wasmi::{Caller, Linker};

use super::state::State;

/// Module and name of the import; it takes the function's index.
pub const IMPORT: (&str, &str) = ("layout", "entered");

/// The functions that were called, by index.
pub type Entered = BTreeSet<u32>;

pub(super) fn define(linker: &mut Linker<State>) -> Result<(), wasmi::errors::LinkerError> {
    let (module, name) = IMPORT;
    linker.func_wrap(
        module,
        name,
        |mut guest: Caller<'_, State>, function: u32| {
            guest.data_mut().entered.insert(function);
        },
    )?;
    Ok(())
}
