//! The last step of `make optimized`: lays the filter's functions out by which of them requests call, most often first.
//!
//! Between any two requests Envoy's own code takes the caches of the CPU, so a request pays for each line and each page of
//! machine code that it comes by. Compilers leave functions where the linker put them, strewn among ten times as many that
//! no request calls; V8 compiles them in that order. Here they are put side by side: the filter is run in the strict host
//! (`testbed::vm`) on what a gateway sees all day, and what was called is moved to the front. Nothing else is changed but
//! the length of indices, which linkers pad. What it is worth: bench/README.md.

mod arrange;
mod called;
mod instrument;
mod module;

use std::{env, error::Error, fs, io::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(path) = env::args_os().nth(1) else {
        eprintln!("error: which filter? layout FILE.wasm");
        return ExitCode::FAILURE;
    };
    match lay_out(Path::new(&path)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}: {error}", Path::new(&path).display());
            ExitCode::FAILURE
        }
    }
}

/// Puts another file in the filter's place: cargo keeps a link to the old one.
fn lay_out(path: &Path) -> Result<String, Box<dyn Error>> {
    let (arranged, called) = ordered(&fs::read(path)?)?;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(&arranged)?;
    fs::set_permissions(file.path(), fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(format!(
        "    {called} functions that requests call, to the front"
    ))
}

/// Returns the filter with the functions that requests call in front, and their number.
fn ordered(wasm: &[u8]) -> Result<(Vec<u8>, usize), Box<dyn Error>> {
    let called = called::by_requests(instrument::instrument(wasm)?)?;
    let called: Vec<u32> = called.into_iter().flatten().collect();
    Ok((arrange::arrange(wasm, &called)?, called.len()))
}
