//! Which mutant is on; compiled into the copy. With `MUTANT_TRACE`, which tests come past which of them.
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::{LazyLock, Mutex};

static MUTANT: LazyLock<usize> =
    LazyLock::new(|| std::env::var("MUTANT").map_or(0, |id| id.parse().unwrap_or(0)));

static TRACE: LazyLock<Option<Mutex<File>>> =
    LazyLock::new(|| Some(Mutex::new(File::create(std::env::var_os("MUTANT_TRACE")?).ok()?)));

thread_local! {
    static SEEN: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
}

pub fn is(id: usize) -> bool {
    if let Some(trace) = &*TRACE
        && SEEN.try_with(|seen| seen.borrow_mut().insert(id)).unwrap_or(true)
        && let Ok(mut trace) = trace.lock()
    {
        // The thread of a test has its name.
        let test = std::thread::current();
        let _ = writeln!(trace, "{}\t{id}", test.name().unwrap_or_default());
    }
    *MUTANT == id
}
