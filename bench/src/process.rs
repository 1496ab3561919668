//! CPU time and memory of a process from proc(5), and a description of the machine.

use std::{fs, io, time::Duration};

/// Returns user and system time of all live threads at nanosecond resolution.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let times = match fs::read_to_string(thread?.path().join("schedstat")) {
            // The thread has ended since it was listed. Envoy's worker threads do not end.
            Err(error) if is_gone(&error) => continue,
            times => times?,
        };
        let on_cpu = times.split_whitespace().next();
        let on_cpu = on_cpu.and_then(|nanoseconds| nanoseconds.parse().ok());
        sum += Duration::from_nanos(
            on_cpu.ok_or_else(|| io::Error::other("/proc/PID/task/TID/schedstat is unreadable"))?,
        );
    }
    Ok(sum)
}

/// Returns user and system time of all threads, including those that have ended, at a resolution of ten milliseconds.
pub fn cpu_since_start(pid: u32) -> io::Result<Duration> {
    /// The number of fields between the name and the user time. The system time is the next field (14 and 15 in proc_pid_stat(5)).
    const USER: usize = 11;
    /// USER_HZ, which is 100 on every platform of Envoy.
    const TICK: Duration = Duration::from_millis(10);
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name is in parentheses and may contain spaces.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let times = fields.split_whitespace().skip(USER).take(2);
    let ticks: Option<Vec<u32>> = times.map(|field| field.parse().ok()).collect();
    match ticks.as_deref() {
        Some([user, system]) => Ok(TICK * (user + system)),
        _ => Err(io::Error::other("/proc/PID/stat is unreadable")),
    }
}

fn is_gone(error: &io::Error) -> bool {
    const NO_SUCH_PROCESS: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(NO_SUCH_PROCESS)
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("/proc/PID/status has no VmRSS"))
}

/// Returns a description such as `2 × AMD EPYC, Linux 6.18`, without anything that identifies the machine.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown CPU", |(_, model)| model.trim());
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release: Vec<&str> = release.trim().splitn(3, ['.', '-']).take(2).collect();
    format!("{cores} × {model}, Linux {}", release.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    struct Busy(Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn cpu_and_memory_of_busy_process_are_read() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "while :; do :; done"]);
        let busy = Busy(shell.spawn().unwrap());
        let pid = busy.0.id();
        let started = cpu(pid).unwrap();
        while cpu(pid).unwrap() < started + Duration::from_millis(20) {
            std::thread::yield_now();
        }
        while cpu_since_start(pid).unwrap() < Duration::from_millis(20) {
            std::thread::yield_now();
        }
        assert!(cpu_since_start(pid).unwrap() <= cpu(pid).unwrap() + Duration::from_millis(20));
        assert!(resident(pid).unwrap() > 100_000);
    }
}
