//! The last step of `make optimized`: adapts the filter to V8 and to the CPU's caches, based on what it executes under typical
//! traffic.
//!
//! Between two requests, Envoy's own code evicts the filter's code from the CPU caches, so a request pays for each cache line
//! and each page of machine code that it touches. This tool runs the filter with typical traffic in the strict host
//! (`strict_host`) and
//!
//! - moves the called functions to the front ([`arrange`]): compilers leave them in the linker's order, scattered among ten times
//!   as many that no request calls, and V8 keeps that order;
//! - turns the direct calls that no request makes into calls through the table ([`outline`]), so V8 does not inline the called functions;
//! - adds hints for the branches ([`hint`]), so V8 places code that no request executes at the end of its function.
//!
//! The behaviour of the filter does not change on any host. bench/README.md has the effect on its cost.

mod arrange;
mod hint;
mod instrument;
mod module;
mod outline;
mod profile;
#[cfg(test)]
mod sample;

use std::{env, error::Error, fs, io::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(path) = env::args_os().nth(1) else {
        eprintln!("error: the path of the filter is required; usage: layout FILE.wasm");
        return ExitCode::FAILURE;
    };
    match lay_out(Path::new(&path)) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}: {error}", Path::new(&path).display());
            ExitCode::FAILURE
        }
    }
}

/// Replaces the file with a new one instead of overwriting it, because cargo keeps a hard link to the old one.
fn lay_out(path: &Path) -> Result<String, Box<dyn Error>> {
    let (arranged, called) = optimized(&fs::read(path)?)?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(&arranged)?;
    fs::set_permissions(file.path(), fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(format!(
        "    moved {called} functions that requests call to the front"
    ))
}

/// Returns the optimized filter, and the number of functions that were moved to the front.
fn optimized(wasm: &[u8]) -> Result<(Vec<u8>, usize), Box<dyn Error>> {
    let profile = profile::profile(&instrument::instrument(wasm)?)?;
    let called: Vec<u32> = profile.functions.into_iter().flatten().collect();
    let arranged = arrange::arrange(wasm, &called)?;
    let profile = profile::profile(&instrument::instrument(&arranged)?)?;
    let outlined = outline::outline(&arranged, &profile.calls)?;
    Ok((hint::hint(&outlined, &profile.branches)?, called.len()))
}
