//! What the kernel says of Envoy: proc(5), and of the machine.

use std::{fs, io, time::Duration};

/// `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Rust and Envoy run on.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time of all threads so far, to 10 ms.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the command in parentheses, and may hold anything.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    let ticks = fields.and_then(|fields| {
        let mut fields = fields.split_whitespace().skip(11);
        let (user, system): (u64, u64) =
            (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(user + system)
    });
    let ticks = ticks.ok_or_else(|| io::Error::other("unreadable /proc/PID/stat"))?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("unreadable /proc/PID/status"))
}

/// As in `2 × AMD EPYC, Linux 6.18`: nothing that names the machine.
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

    #[test]
    fn reads_this_process() {
        let own = std::process::id();
        let before = cpu(own).unwrap();
        let mut number = 0_u64;
        while cpu(own).unwrap() < before + Duration::from_millis(20) {
            number = std::hint::black_box(number.wrapping_add(1));
        }
        assert!(resident(own).unwrap() > 100_000);
    }
}
