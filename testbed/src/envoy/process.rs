//! The child process: it cannot outlive the parent, its output is read line by line, and it is killed and reaped on drop.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    thread,
};

use rustix::process::{Signal, set_parent_process_death_signal};

use super::log::Log;
use crate::server::lock;

pub(crate) struct Process {
    child: Mutex<Child>,
    pid: u32,
    /// Standard error: Envoy's log.
    pub(crate) log: Arc<Log>,
    /// Standard output: the access log.
    pub(crate) access: Arc<Log>,
}

impl Process {
    pub(crate) fn start(command: Command) -> io::Result<Process> {
        let mut child = spawn(command)?;
        let log = Arc::new(Log::new());
        let access = Arc::new(Log::new());
        if let Some(stderr) = child.stderr.take() {
            read_lines(stderr, log.clone());
        }
        if let Some(stdout) = child.stdout.take() {
            read_lines(stdout, access.clone());
        }
        Ok(Process {
            pid: child.id(),
            child: Mutex::new(child),
            log,
            access,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both calls fail only if the process has already ended.
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Spawns with piped output and a death signal.
///
/// The kernel sends that signal when the *thread* that forked ends, so all children come from one thread that lives
/// as long as the process: a test's own thread may end before a shared Envoy does.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();

    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // The parent handles Ctrl-C in a terminal, not the child.
        .process_group(0);
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                die_with_us(&mut command);
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });
    let (reply, child) = mpsc::channel();
    let gone = |_| io::Error::other("the testbed's spawning thread is gone");
    spawner.send((command, reply)).map_err(|_| gone(()))?;
    child.recv().map_err(|_| gone(()))?
}

fn die_with_us(command: &mut Command) {
    let set_signal = || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec; it makes one system call and allocates nothing.
    unsafe {
        command.pre_exec(set_signal);
    }
}

fn read_lines(output: impl Read + Send + 'static, log: Arc<Log>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        // A header value in a log line need not be UTF-8, so not `lines()`.
        while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            log.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
}
