//! Tables of the measurements, and the requirements on them.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    bodies::{ADDED, Added},
    latency::Latencies,
    measure::{Memory, Sample},
    rows::{BASELINE, PORTABLE, Row},
};

/// Comparisons that are reported but not required.
const COMPARISONS: [(&str, &[(&str, &str)]); 2] = [
    (
        "As shipped: with usage, filter state, and two records where the native chain writes one",
        &[
            ("ours, cold, shipped", "native, cold"),
            ("ours, warm, shipped", "native, warm"),
            ("ours, warm, shipped", "native, cold"),
        ],
    ),
    (
        "Other comparisons",
        &[
            ("ours, cold, quiet", "native, cold, quiet"),
            ("ours, warm, quiet", "native, warm, quiet"),
            ("ours, warm, quiet", "native, cold, quiet"),
            ("ours, warm, quiet", "empty"),
            ("ours, many", "native, many"),
            ("ours, denied", "native, denied"),
            ("ours, long, cold", "native, long, cold"),
            ("ours, long, warm", "native, long, warm"),
        ],
    ),
];

/// The rows whose p99 is compared.
const P99_PAIRS: [(&str, &str); 2] = [
    ("ours, cold", "native, cold"),
    ("ours, warm", "native, warm"),
];

/// Everything a run has measured.
pub struct Results {
    pub rounds: usize,
    pub samples: Samples,
    pub latencies: Latencies,
    pub memory: Memory,
    pub machine: String,
    pub versions: String,
}

/// Samples by row, one per round.
#[derive(Default)]
pub struct Samples(pub BTreeMap<&'static str, Vec<Sample>>);

/// A measured value and its limit.
pub struct Requirement {
    pub about: String,
    pub measured: f64,
    pub limit: f64,
    unit: &'static str,
}

impl Requirement {
    pub fn is_met(&self) -> bool {
        self.measured <= self.limit
    }

    fn row(&self) -> String {
        let verdict = if self.is_met() { "yes" } else { "**no**" };
        let Requirement {
            about,
            measured,
            limit,
            unit,
        } = self;
        format!("| {about} | {measured:.2}{unit} | {limit:.2}{unit} | {verdict} |")
    }
}

impl Samples {
    pub fn cpu(&self, row: &str) -> f64 {
        median(self.0[row].iter().map(|sample| sample.cpu))
    }

    pub fn rate(&self, row: &str) -> f64 {
        median(self.0[row].iter().map(|sample| sample.rate))
    }

    /// Returns the median over the rounds of what one row costs more than another, in microseconds.
    fn added(&self, [row, without]: [&str; 2]) -> f64 {
        let pairs = self.0[row].iter().zip(&self.0[without]);
        median(pairs.map(|(sample, reference)| sample.cpu - reference.cpu))
    }

    fn has(&self, added: &Added) -> bool {
        let mut rows = added.ours.iter().chain(&added.native);
        rows.all(|row| self.0.contains_key(row))
    }

    /// Returns the median over the rounds of the ratio within each round: whatever slows a round down affects both rows.
    fn ratio(&self, row: &str, to: &str) -> f64 {
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
            "| What reading adds | ours, µs | native, µs | ours / native |\n|---|---|---|---|\n",
        );
        for row in ADDED.iter().filter(|added| self.samples.has(added)) {
            let [ours, native] = [row.ours, row.native].map(|rows| self.samples.added(rows));
            let (name, ratio) = (row.ours[0], ours / native);
            let _ = writeln!(text, "| *{name}* | {ours:.0} | {native:.0} | {ratio:.2} |");
        }
        text
    }

    pub fn requirements(&self) -> Vec<Requirement> {
        let cpu = |row: &str, to: &str, limit| Requirement {
            about: format!("CPU: *{row}* / *{to}*"),
            measured: self.samples.ratio(row, to),
            limit,
            unit: "",
        };
        let p99 = |(row, to): (&str, &str)| Requirement {
            about: format!("p99 at half of saturation: *{row}* / *{to}*"),
            measured: self.latencies.p99_ratio(row, to),
            limit: 1.25,
            unit: "",
        };
        let memory = Requirement {
            about: "memory that the filter adds, 2 workers, 10,000 cached tokens".into(),
            measured: self.memory.added(self.memory.in_total),
            // 64 MB.
            limit: 61.0,
            unit: " MiB",
        };
        let mut all = vec![
            cpu("ours, cold", "native, cold", 1.05),
            cpu("ours, warm", "native, warm", 1.20),
            cpu("ours, warm", "native, cold", 0.85),
            cpu("ours, 1000 roles", "ours, 10 roles", 1.10),
            cpu("ours, 1000 paths", "ours, 10 paths", 1.10),
            cpu("ours, tool", "ours, model", 1.15),
            cpu("ours, quotas", "native, quotas", 1.10),
            cpu(PORTABLE, "native, cold", 2.00),
        ];
        if self.samples.0.contains_key(BASELINE) {
            all.push(cpu(PORTABLE, BASELINE, 0.35));
        }
        all.extend(P99_PAIRS.map(p99));
        all.push(memory);
        all
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
            "## Required\n\n| What | Measured | At most | Met |\n|---|---|---|---|"
        );
        for requirement in self.requirements() {
            let _ = writeln!(text, "{}", requirement.row());
        }
        for (title, ratios) in COMPARISONS {
            let _ = writeln!(text, "\n## {title}\n\n| What | Measured |\n|---|---|");
            for (row, to) in ratios {
                let ratio = self.samples.ratio(row, to);
                let _ = writeln!(text, "| *{row}* / *{to}* | {ratio:.2} |");
            }
        }
        let _ = writeln!(text, "\n## Bodies\n\n{}", self.added_table());
        let _ = writeln!(text, "## CPU\n\n{}", cpu_table(rows, &self.samples));
        let _ = writeln!(text, "## Latency\n\n{}", self.latency_table());
        let _ = writeln!(text, "## Memory\n\n{}", memory_table(&self.memory));
        text
    }
}

impl Memory {
    /// Returns the difference to an Envoy without a filter, in MiB.
    fn added(&self, bytes: u64) -> f64 {
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
    fn median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn missing_measurement_does_not_meet_a_requirement() {
        let requirement = |measured| Requirement {
            about: "x".into(),
            measured,
            limit: 1.0,
            unit: "",
        };
        assert!(requirement(1.0).is_met());
        assert!(!requirement(1.01).is_met());
        assert!(!requirement(f64::NAN).is_met());
    }
}
