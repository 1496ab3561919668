//! Latency of requests at a fixed rate. Disturbances on a machine come and go within seconds, so the rows take short turns, and
//! each turn is compared with its neighbours.

use std::{collections::BTreeMap, error::Error, time::Duration};

use testbed::envoy::Envoy;

use crate::{
    load, measure,
    report::{Samples, median},
    rows::Row,
};

/// The rows whose latency is measured, and the row that determines their rate.
pub const ROWS: [(&str, &str); 6] = [
    ("none", "native, warm"),
    ("empty", "native, warm"),
    ("native, cold", "native, cold"),
    ("ours, cold", "native, cold"),
    ("native, warm", "native, warm"),
    ("ours, warm", "native, warm"),
];
/// Rows that are not compared with others, and how often they take a turn.
const REFERENCES: [&str; 2] = ["none", "empty"];
const TURNS_BETWEEN_REFERENCES: usize = 3;
const TURN: Duration = Duration::from_millis(500);
/// The turns that each of the remaining rows takes in a round.
const TURNS: usize = 6;
const P99: f64 = 0.99;

/// Latencies by row.
#[derive(Default)]
pub struct Latencies(BTreeMap<&'static str, TurnLatencies>);

/// Latencies of one row.
#[derive(Default)]
struct TurnLatencies {
    /// Requests a second in the last turn.
    rate: f64,
    /// The latency of each request of a turn, sorted.
    turns: Vec<Vec<Duration>>,
}

impl Latencies {
    /// Sends requests to each row for `rounds` rounds, at half of the rate in `samples`.
    pub async fn take(
        &mut self,
        envoy: &Envoy,
        rows: &[Row],
        rounds: usize,
        samples: &Samples,
    ) -> Result<(), Box<dyn Error>> {
        for turn in 0..rounds * TURNS {
            let mut order = ROWS.to_vec();
            if turn % TURNS_BETWEEN_REFERENCES != 0 {
                order.retain(|(name, _)| !REFERENCES.contains(name));
            }
            if turn % 2 == 1 {
                order.reverse();
            }
            for (name, rate_row) in order {
                let row = rows.iter().find(|row| row.name == name);
                let row = row.ok_or_else(|| format!("there is no row `{name}`"))?;
                let to = measure::address(envoy, row.listener)?;
                let rate = samples.rate(rate_row) / 2.0;
                load::at_rate(to, &row.requests, rate, TURN / 8)?.without_failure()?;
                let turn = load::at_rate(to, &row.requests, rate, TURN)?;
                let mut turn = turn.without_failure()?;
                turn.sort_unstable();
                let latencies = self.0.entry(name).or_default();
                latencies.rate = rate;
                latencies.turns.push(turn);
            }
        }
        Ok(())
    }

    /// Returns the median over the turns of the ratio between neighbouring turns of the two rows.
    pub fn p99_ratio(&self, row: &str, to: &str) -> f64 {
        let p99s = |row| self.0[row].turns.iter().map(|turn| quantile(turn, P99));
        median(
            p99s(row)
                .zip(p99s(to))
                .map(|(p99, reference)| p99 / reference),
        )
    }

    pub fn table(&self) -> String {
        let head = "| Row | requests/s | p50, µs | p99, µs | p99 of all turns, µs |\n|---|---|---|---|---|\n";
        let row = |(name, latencies): (&&str, &TurnLatencies)| {
            let [p50, p99] = [0.5, P99]
                .map(|share| median(latencies.turns.iter().map(|turn| quantile(turn, share))));
            let mut all = latencies.turns.concat();
            all.sort_unstable();
            let (rate, of_all) = (latencies.rate, quantile(&all, P99));
            format!("| {name} | {rate:.0} | {p50:.0} | {p99:.0} | {of_all:.0} |\n")
        };
        String::from(head) + &self.0.iter().map(row).collect::<String>()
    }
}

/// Returns the quantile `share` of sorted latencies in microseconds, or NaN if there are none.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    let wait = sorted.get(index).or(sorted.last());
    wait.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_of_latencies_is_taken_from_the_sorted_list() {
        let latencies: Vec<Duration> = (0..200).map(Duration::from_micros).collect();
        assert_eq!(quantile(&latencies, 0.5), 100.0);
        assert_eq!(quantile(&latencies, P99), 198.0);
        assert_eq!(quantile(&latencies[..1], P99), 0.0);
        assert!(quantile(&[], P99).is_nan());
    }

    #[test]
    fn p99_ratio_compares_neighbouring_turns() {
        let turns = |micros: [u64; 3]| TurnLatencies {
            rate: 1.0,
            turns: micros
                .map(|micros| vec![Duration::from_micros(micros)])
                .into(),
        };
        // In the second turn, the machine was slow for both rows.
        let rows = [
            ("own", turns([12, 120, 11])),
            ("other", turns([10, 100, 10])),
        ];
        let latencies = Latencies(rows.into_iter().collect());
        assert_eq!(latencies.p99_ratio("own", "other"), 1.2);
        assert!(latencies.table().contains("| own | 1 | 12 | 12 | 120 |"));
    }
}
