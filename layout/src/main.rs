//! The last step of `make optimized`: orders the filter's functions by how often requests call them.
//!
//! Between two requests, Envoy's own code evicts the filter's code from the CPU caches, so a request pays for each cache line
//! and each page of machine code that it touches. Compilers leave functions in the linker's order, scattered among ten times as
//! many that no request calls, and V8 keeps that order. This tool runs the filter with typical traffic in the strict host
//! (`testbed::vm`) and moves the called functions to the front. Apart from the order, only the length of indices changes, which
//! linkers pad. bench/README.md has the effect.

mod arrange;
mod called;
mod instrument;
mod module;

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

/// Replaces the file by a new one instead of overwriting it, because cargo keeps a hard link to the old one.
fn lay_out(path: &Path) -> Result<String, Box<dyn Error>> {
    let (arranged, called) = ordered(&fs::read(path)?)?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(&arranged)?;
    fs::set_permissions(file.path(), fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(format!(
        "    moved {called} functions that requests call to the front"
    ))
}

/// Returns the filter with the functions that requests call in front, and their number.
fn ordered(wasm: &[u8]) -> Result<(Vec<u8>, usize), Box<dyn Error>> {
    let called = called::functions(instrument::instrument(wasm)?)?;
    let called: Vec<u32> = called.into_iter().flatten().collect();
    Ok((arrange::arrange(wasm, &called)?, called.len()))
}
