//! A test program, run with a mutant on. Mutants loop for ever and eat memory, so each run is bounded.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How many seconds of computing a run may take beyond ten times its usual; a mutant that needs more is caught.
/// These do not pass while others have the machine.
const COMPUTING: u64 = 10;
/// The same by the clock, for one that waits and never computes.
const PATIENCE: Duration = Duration::from_secs(300);
const MEMORY_KIB: &str = "4194304";

pub struct Program {
    pub name: String,
    pub path: PathBuf,
}

impl Program {
    /// All its tests without a mutant, to be run by the caller: with the seconds each takes, and a trace.
    pub fn measured(&self, root: &Path, trace: &Path) -> Command {
        let mut command = self.command(root, 0, "unlimited");
        command.arg("--report-time").env("MUTANT_TRACE", trace);
        command
    }

    /// Whether one of these tests fails with that mutant, which take so many seconds as a rule; without names, one of
    /// all.
    pub fn fails(&self, root: &Path, mutant: usize, tests: &[&str], usual: f64) -> bool {
        let computing = COMPUTING + (usual * 10.0) as u64;
        let mut command = self.command(root, mutant, &computing.to_string());
        if !tests.is_empty() {
            command.arg("--exact").args(tests);
        }
        let child = command.arg("--fail-fast").stdout(Stdio::null()).spawn();
        let patience = PATIENCE + Duration::from_secs_f64(usual * 30.0);
        !passes(child.expect("a test program starts"), patience)
    }

    fn command(&self, root: &Path, mutant: usize, computing: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(r#"ulimit -t "$0"; ulimit -v "$1" 2>&-; shift; exec "$@""#)
            .args([computing, MEMORY_KIB])
            .arg(&self.path)
            .args(["-Z", "unstable-options"])
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
        if let Some(status) = child.try_wait().expect("a child's status") {
            return status.success();
        }
        if started.elapsed() > patience {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child's status");
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
