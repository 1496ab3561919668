//! Tables of the measurements.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    bodies::{self, Added, COPY},
    latency::Latencies,
    measure::{Memory, Sample},
    push::Pushes,
    requirements::{self, P99_PAIRS},
    rows::Row,
    start::Starts,
};

/// Comparisons that are reported but not required.
const COMPARISONS: [(&str, &str); 8] = [
    ("ours, cold, quiet", "native, cold, quiet"),
    ("ours, warm, quiet", "native, warm, quiet"),
    ("ours, warm, quiet", "native, cold, quiet"),
    ("ours, warm, quiet", "empty"),
    ("ours, many", "native, many"),
    ("ours, denied", "native, denied"),
    ("ours, long, cold", "native, long, cold"),
    ("ours, long, warm", "native, long, warm"),
];

/// Everything a run has measured.
pub struct Results {
    pub rounds: usize,
    pub samples: Samples,
    pub latencies: Latencies,
    pub memory: Memory,
    pub starts: Starts,
    pub pushes: Pushes,
    pub machine: String,
    pub versions: String,
}

/// Samples by row, one per round.
#[derive(Default)]
pub struct Samples(pub BTreeMap<&'static str, Vec<Sample>>);

impl Samples {
    pub fn cpu(&self, row: &str) -> f64 {
        median(self.0[row].iter().map(|sample| sample.cpu))
    }

    pub fn rate(&self, row: &str) -> f64 {
        median(self.0[row].iter().map(|sample| sample.rate))
    }

    /// Returns how much more one row costs than another, as the median over the rounds, in microseconds.
    fn added(&self, [row, without]: [&str; 2]) -> f64 {
        let pairs = self.0[row].iter().zip(&self.0[without]);
        median(pairs.map(|(sample, reference)| sample.cpu - reference.cpu))
    }

    /// Returns the cost of reading in our filter relative to that in the native chain, or NaN if one of these costs is lost in the
    /// noise, since a negative ratio would meet any limit.
    pub fn added_ratio(&self, added: &Added) -> f64 {
        let [ours, native] = [added.ours, added.native].map(|rows| self.added(rows));
        if ours > 0.0 && native > 0.0 {
            ours / native
        } else {
            f64::NAN
        }
    }

    fn has(&self, added: &Added) -> bool {
        let mut rows = added.ours.iter().chain(&added.native);
        rows.all(|row| self.0.contains_key(row)) && self.0.contains_key(added.none)
    }

    /// Returns the median over the rounds of the ratio within each round: whatever slows a round down affects both rows.
    pub fn ratio(&self, row: &str, to: &str) -> f64 {
        let pairs = self.0[row].iter().zip(&self.0[to]);
        median(pairs.map(|(sample, reference)| sample.cpu / reference.cpu))
    }
}

/// Returns a table of these rows, with the ratio of each to the first.
pub fn cpu_table(rows: &[Row], samples: &Samples) -> String {
    let first = rows.first().map_or("", |row| row.name);
    let mut text = format!(
        "| Row | What | µs of Envoy's CPU per request | relative to *{first}* | requests/s |\n|---|---|---|---|---|\n"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {:.2} | {:.0} |",
            row.name,
            row.about,
            samples.cpu(row.name),
            samples.ratio(row.name, first),
            samples.rate(row.name),
        );
    }
    text
}

impl Results {
    /// Returns rates, medians and p99 of all rows, and the p99 relative to the native chain.
    pub fn latency_table(&self) -> String {
        let mut text = self.latencies.table();
        let _ = writeln!(text, "\n| p99 | Measured |\n|---|---|");
        for (row, to) in P99_PAIRS {
            let _ = writeln!(
                text,
                "| *{row}* / *{to}* | {:.2} |",
                self.latencies.p99_ratio(row, to)
            );
        }
        text
    }

    /// Returns what reading bodies adds; only of rows that were measured.
    pub fn added_table(&self) -> String {
        let mut text = String::from(
            "| What reading adds | ours, µs | native, µs | ours / native | no filter, µs in total |\n|---|---|---|---|---|\n",
        );
        for row in bodies::ALL.iter().filter(|added| self.samples.has(added)) {
            let [ours, native] = [row.ours, row.native].map(|rows| self.samples.added(rows));
            let (name, ratio) = (row.ours[0], self.samples.added_ratio(row));
            let none = self.samples.cpu(row.none);
            let _ = writeln!(
                text,
                "| *{name}* | {ours:.0} | {native:.0} | {ratio:.2} | {none:.0} |"
            );
        }
        if COPY.iter().all(|row| self.samples.0.contains_key(row)) {
            let least = self.samples.added(COPY);
            let _ = writeln!(
                text,
                "\nA wasm filter that only copies each event of *stream* from the host adds {least:.0} µs."
            );
        }
        text
    }

    /// Returns the tables of starts and of pushed configurations.
    pub fn start_tables(&self) -> String {
        format!("{}\n{}", self.starts.table(), self.pushes.table())
    }

    pub fn to_markdown(&self, rows: &[Row]) -> String {
        let mut text = String::from(include_str!("results.head.md"));
        let _ = writeln!(
            text,
            "\n{}; {}; {} rounds.\n",
            self.machine, self.versions, self.rounds
        );
        let _ = writeln!(
            text,
            "## Required\n\n{}",
            requirements::table(&self.required())
        );
        let _ = write!(
            text,
            "## Targets\n\n{}",
            requirements::table(&self.targets())
        );
        let _ = writeln!(
            text,
            "\n## Other comparisons\n\n| What | Measured |\n|---|---|"
        );
        for (row, to) in COMPARISONS {
            let ratio = self.samples.ratio(row, to);
            let _ = writeln!(text, "| *{row}* / *{to}* | {ratio:.2} |");
        }
        let _ = writeln!(text, "\n## Bodies\n\n{}", self.added_table());
        let _ = writeln!(text, "## CPU\n\n{}", cpu_table(rows, &self.samples));
        let _ = writeln!(text, "## Latency\n\n{}", self.latency_table());
        let _ = writeln!(text, "## Start\n\n{}", self.start_tables());
        let _ = writeln!(text, "## Memory\n\n{}", memory_table(&self.memory));
        text
    }
}

impl Memory {
    /// Returns the difference from an Envoy without a filter, in MiB.
    pub fn added(&self, bytes: u64) -> f64 {
        mib(bytes) - mib(self.without_filter)
    }
}

pub fn memory_table(memory: &Memory) -> String {
    let rows = [
        ("no filter", memory.without_filter),
        ("a wasm filter that does nothing", memory.empty),
        (
            "the native chain, 10,000 tokens cached in each worker",
            memory.native_in_each,
        ),
        ("ours, one token cached in each worker", memory.one),
        ("ours, 10,000 tokens cached in total", memory.in_total),
        ("ours, 10,000 tokens cached in each worker", memory.in_each),
    ];
    let mut text = String::from("| 2 workers | resident, MiB | added, MiB |\n|---|---|---|\n");
    for (label, bytes) in rows {
        let _ = writeln!(
            text,
            "| {label} | {:.1} | {:.1} |",
            mib(bytes),
            memory.added(bytes)
        );
    }
    text
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Returns the median of finite numbers, or NaN if there are none; NaN meets no requirement.
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match (numbers.len() % 2, numbers.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(number)) => *number,
        (_, Some(upper)) => (numbers[middle - 1] + upper) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_of_negative_differences_is_not_a_measurement() {
        let ratio = |ours: f64, native: f64| {
            let cpus = [(bodies::STREAM.ours, ours), (bodies::STREAM.native, native)];
            let sample = |cpu| vec![Sample { cpu, rate: 1.0 }];
            let rows = cpus.into_iter().flat_map(|([row, without], added)| {
                [(row, sample(100.0 + added)), (without, sample(100.0))]
            });
            Samples(rows.collect()).added_ratio(&bodies::STREAM)
        };
        assert_eq!(ratio(2.0, 8.0), 0.25);
        assert!(ratio(-2.0, 8.0).is_nan());
        assert!(ratio(2.0, -8.0).is_nan());
    }

    #[test]
    fn median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }
}
