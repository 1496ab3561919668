//! Compiled into the copy: whether a mutant is enabled. With `MUTANT_TRACE`, it also notes which tests reach which mutants.
#![allow(dead_code)]
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::{LazyLock, Mutex};

static MUTANT: LazyLock<usize> =
    LazyLock::new(|| std::env::var("MUTANT").map_or(0, |id| id.parse().unwrap_or(0)));

/// Appended to, since programs that a test starts write to the same file.
static TRACE: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
    let file = std::env::var_os("MUTANT_TRACE")?;
    let file = File::options().append(true).create(true).open(file);
    file.ok().map(Mutex::new)
});

thread_local! {
    static SEEN: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
}

pub fn is(id: usize) -> bool {
    if let Some(trace) = &*TRACE
        && SEEN.try_with(|seen| seen.borrow_mut().insert(id)).unwrap_or(true)
        && let Ok(mut trace) = trace.lock()
    {
        // The thread of a test has the test's name.
        let test = std::thread::current();
        let line = format!("{}\t{id}\n", test.name().unwrap_or_default());
        let _ = trace.write_all(line.as_bytes());
    }
    *MUTANT == id
}

/// Returns the original iterator unless a mutant replaces it.
pub fn or<T>(
    original: impl Iterator<Item = T>,
    mutated: Option<Vec<T>>,
) -> impl Iterator<Item = T> {
    let original = mutated.is_none().then_some(original);
    let mutated = mutated.into_iter().flatten();
    mutated.chain(original.into_iter().flatten())
}
