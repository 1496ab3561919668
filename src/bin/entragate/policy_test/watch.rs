//! `--watch`: runs the tests again whenever one of their files changes.

use super::file::References;
use super::{Arguments, load, report};
use crate::deployment::load::expand;
use crate::failure::Failure;
use crate::input::UNREADABLE;
use crate::report::print_error;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The time between two reads of the files.
const INTERVAL: Duration = Duration::from_millis(200);

/// Runs the tests until the program is stopped. Returns only if there are no files to watch.
pub fn run(arguments: &Arguments) -> ExitCode {
    let given = [&arguments.file, &arguments.policy];
    if given.iter().any(|file| *file == "-") {
        let text = "standard input can be read only once; pass files";
        return Failure::of(UNREADABLE, "--watch", text).report();
    }
    let mut watched = Watched::default();
    watched.add(given.map(PathBuf::from));
    loop {
        let references = References::default();
        let loaded = load(arguments, &references);
        // Read before the tests run, since they may take a long time.
        watched.add(references.into_inner());
        let reported = loaded.and_then(|loaded| report(&loaded, arguments));
        if let Err(failure) = reported {
            failure.report();
        }
        print_error("Watching the files for changes; press Ctrl-C to stop.");
        let changed = watched.wait();
        print_error(&format!("{} has changed.", changed.display()));
    }
}

/// Files and directories, with their content at the last read.
#[derive(Default)]
struct Watched(BTreeMap<PathBuf, Contents>);

/// The files of a directory, or one file. A file that cannot be read has no bytes.
type Contents = Vec<(String, Option<Vec<u8>>)>;

impl Watched {
    fn add(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        for path in paths {
            let read = || contents(&path);
            self.0.entry(path.clone()).or_insert_with(read);
        }
    }

    /// Waits until a file has changed, and returns its path.
    fn wait(&mut self) -> PathBuf {
        loop {
            for (path, known) in &mut self.0 {
                let now = contents(path);
                if *known != now {
                    *known = now;
                    return path.clone();
                }
            }
            std::thread::sleep(INTERVAL);
        }
    }
}

fn contents(path: &Path) -> Contents {
    let files = expand(&path.to_string_lossy()).unwrap_or_default();
    let read = |file: String| {
        let bytes = std::fs::read(&file).ok();
        (file, bytes)
    };
    files.into_iter().map(read).collect()
}
