//! The requirements that a run must meet, and the targets, which are only reported.

use std::fmt::Write as _;

use crate::{
    bodies, many_rules,
    other_build::{BASELINE, PORTABLE},
    report::Results,
    start,
};

/// The rows whose p99 is compared.
pub const P99_PAIRS: [(&str, &str); 2] = [
    ("ours, cold", "native, cold"),
    ("ours, warm", "native, warm"),
];

/// A measured value and its limit.
pub struct Requirement {
    pub about: String,
    /// NaN if it was not measured.
    measured: f64,
    limit: f64,
    unit: &'static str,
}

impl Requirement {
    /// A ratio.
    fn ratio(about: impl Into<String>, measured: f64, limit: f64) -> Requirement {
        Requirement {
            about: about.into(),
            measured,
            limit,
            unit: "",
        }
    }

    fn memory(about: &str, measured: f64, limit: f64) -> Requirement {
        Requirement {
            unit: " MiB",
            ..Requirement::ratio(about, measured, limit)
        }
    }

    pub fn is_met(&self) -> bool {
        self.measured <= self.limit
    }

    pub fn measured(&self) -> String {
        if self.measured.is_nan() {
            "not measured".into()
        } else {
            format!("{:.2}{}", self.measured, self.unit)
        }
    }

    pub fn limit(&self) -> String {
        format!("{:.2}{}", self.limit, self.unit)
    }

    fn row(&self) -> String {
        let verdict = if self.is_met() { "yes" } else { "**no**" };
        let (measured, limit) = (self.measured(), self.limit());
        format!("| {} | {measured} | {limit} | {verdict} |", self.about)
    }
}

pub fn table(requirements: &[Requirement]) -> String {
    let mut text = String::from("| What | Measured | At most | Met |\n|---|---|---|---|\n");
    for requirement in requirements {
        let _ = writeln!(text, "{}", requirement.row());
    }
    text
}

impl Results {
    pub fn required(&self) -> Vec<Requirement> {
        let cpu = |row: &str, to: &str, limit| {
            let about = format!("CPU: *{row}* / *{to}*");
            Requirement::ratio(about, self.samples.ratio(row, to), limit)
        };
        let p99 = |(row, to): (&str, &str)| {
            let about = format!("p99 at half of saturation: *{row}* / *{to}*");
            Requirement::ratio(about, self.latencies.p99_ratio(row, to), 1.25)
        };
        let mut all = vec![
            cpu("ours, cold", "native, cold", 1.05),
            cpu("ours, warm", "native, warm", 1.20),
            cpu("ours, warm", "native, cold", 0.85),
            // envoy.yaml as it is: usage and filter state have no counterpart in the native chain.
            cpu("ours, cold, shipped", "native, cold", 1.15),
            cpu("ours, warm, shipped", "native, warm", 1.30),
            cpu("ours, warm, shipped", "native, cold", 0.95),
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
        all.push(Requirement::memory(
            "memory that the filter adds, 2 workers, 10,000 cached tokens",
            self.memory.added(self.memory.in_total),
            // 64 MB.
            61.0,
        ));
        all.push(Requirement::ratio(
            "requests that failed while configurations were pushed",
            self.pushes.failed() as f64,
            0.0,
        ));
        all
    }

    /// Returns the targets for the filter as shipped, which do not decide whether a run succeeds.
    pub fn targets(&self) -> Vec<Requirement> {
        let cpu =
            |about, row, to, limit| Requirement::ratio(about, self.samples.ratio(row, to), limit);
        let added =
            |about, added, limit| Requirement::ratio(about, self.samples.added_ratio(added), limit);
        let p99 = |(row, to): (&'static str, &str)| {
            let kind = row.trim_start_matches("ours, ");
            let about = format!("p99 at half of saturation, {kind} / native");
            Requirement::ratio(about, self.latencies.p99_ratio(row, to), 1.10)
        };
        let (warm, cold) = ("ours, warm, shipped", "ours, cold, shipped");
        let mut all = vec![
            added(
                "*stream*: added by us / added by `sse_to_metadata`",
                &bodies::STREAM,
                0.30,
            ),
            added(
                "*prompt* 100 KB: added for the model / added by `json_to_metadata`",
                &bodies::PROMPT,
                0.10,
            ),
            cpu("cold, as shipped / native cold", cold, "native, cold", 1.00),
            cpu("warm, as shipped / native warm", warm, "native, warm", 1.12),
            cpu("warm, as shipped / native cold", warm, "native, cold", 0.75),
            cpu(
                "denied / native denied",
                "ours, denied",
                "native, denied",
                1.10,
            ),
            Requirement::ratio(
                "start, ours / the build of `BENCH_BASELINE`",
                self.starts.ratio(start::OURS, start::BASELINE),
                0.60,
            ),
            Requirement::memory(
                "memory for 10,000 tokens in each of 2 workers",
                self.memory.added(self.memory.in_each),
                56.0,
            ),
        ];
        all.extend(many_rules::pairs().map(|(kind, [many, few])| {
            let about = format!("10,000 rules / 10 rules, by {kind}");
            Requirement::ratio(about, self.samples.ratio(&many, &few), 1.10)
        }));
        all.extend(P99_PAIRS.map(p99));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_measurement_does_not_meet_a_requirement() {
        let requirement = |measured| Requirement::ratio("x", measured, 1.0);
        assert!(requirement(1.0).is_met());
        assert!(!requirement(1.01).is_met());
        assert!(!requirement(f64::NAN).is_met());
        let rows = [0.5, 1.01, f64::NAN].map(|measured| requirement(measured).row());
        assert_eq!(
            rows,
            [
                "| x | 0.50 | 1.00 | yes |",
                "| x | 1.01 | 1.00 | **no** |",
                "| x | not measured | 1.00 | **no** |",
            ]
        );
    }
}
