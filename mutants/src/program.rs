//! Runs a test program with one mutant enabled. Mutants can loop forever or exhaust memory, so time and memory are limited.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A run may take ten times its usual time plus this many seconds; a mutant that takes longer is caught. CPU time is measured, so that
/// other load does not matter.
const COMPUTING: u64 = 10;
/// In wall time, a run may take thirty times its usual time plus this long, for a mutant that waits.
const PATIENCE: Duration = Duration::from_secs(300);
const MEMORY_KIB: &str = "4194304";
/// The test that reads the sources. It is skipped, since it would reject the module that is added for the mutants.
const OF_SOURCES: &str = "imports::every_import_points_to_a_module_above";

pub struct Program {
    pub name: String,
    pub path: PathBuf,
}

impl Program {
    /// Returns the command that runs all tests without a mutant, prints how long each takes, and writes a trace.
    pub fn measured(&self, root: &Path, trace: &Path) -> Command {
        let mut command = self.command(root, 0, "unlimited");
        command.arg("--report-time").env("MUTANT_TRACE", trace);
        command
    }

    /// Whether one of these tests fails with this mutant; an empty list stands for all tests. `usual`: the seconds that the tests
    /// take without the mutant.
    pub fn fails(&self, root: &Path, mutant: usize, tests: &[&str], usual: f64) -> bool {
        let computing = COMPUTING + (usual * 10.0) as u64;
        let mut command = self.command(root, mutant, &computing.to_string());
        if !tests.is_empty() {
            command.arg("--exact").args(tests);
        }
        let child = command.arg("--fail-fast").stdout(Stdio::null()).spawn();
        let patience = PATIENCE + Duration::from_secs_f64(usual * 30.0);
        !passes(child.expect("a test program can be started"), patience)
    }

    fn command(&self, root: &Path, mutant: usize, computing: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(r#"ulimit -t "$0"; ulimit -v "$1" 2>&-; shift; exec "$@""#)
            .args([computing, MEMORY_KIB])
            .arg(&self.path)
            .args(["-Z", "unstable-options", "--skip", OF_SOURCES])
            .current_dir(root)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUST_BACKTRACE", "0")
            .env("MUTANT", mutant.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

fn passes(mut child: Child, patience: Duration) -> bool {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the status of a child can be read") {
            return status.success();
        }
        if started.elapsed() > patience {
            child.kill().expect("a child can be killed");
            child.wait().expect("the status of a child can be read");
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
