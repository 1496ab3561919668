//! How long callers wait at a fixed rate. What holds requests up on a machine comes for seconds and then is gone, so rows
//! are sent requests in short turns, each beside the others'.

use std::{collections::BTreeMap, error::Error, time::Duration};

use testbed::envoy::Envoy;

use crate::{
    load, measure,
    report::{Samples, median},
    rows::Row,
};

/// Rows whose latency is taken, and the row that tells their rate.
pub const ROWS: [(&str, &str); 6] = [
    ("none", "native, warm"),
    ("empty", "native, warm"),
    ("native, cold", "native, cold"),
    ("ours, cold", "native, cold"),
    ("native, warm", "native, warm"),
    ("ours, warm", "native, warm"),
];
const TURN: Duration = Duration::from_millis(500);
/// Of each row, in each round.
const TURNS: usize = 6;
const P99: f64 = 0.99;

/// By row.
#[derive(Default)]
pub struct Latencies(BTreeMap<&'static str, Waits>);

/// Of one row.
#[derive(Default)]
struct Waits {
    /// Requests a second, as last asked.
    rate: f64,
    /// How long each request of a turn took, sorted.
    turns: Vec<Vec<Duration>>,
}

impl Latencies {
    /// Sends each row requests for so many rounds, at half of the rate that the samples tell.
    pub async fn take(
        &mut self,
        envoy: &Envoy,
        rows: &[Row],
        rounds: usize,
        samples: &Samples,
    ) -> Result<(), Box<dyn Error>> {
        for turn in 0..rounds * TURNS {
            let mut order = ROWS;
            if turn % 2 == 1 {
                order.reverse();
            }
            for (name, paced_by) in order {
                let row = rows.iter().find(|row| row.name == name);
                let row = row.ok_or("no such row")?;
                let to = measure::address(envoy, row.listener)?;
                let rate = samples.rate(paced_by) / 2.0;
                load::at_rate(to, &row.requests, rate, TURN / 8)?;
                let mut turn = load::at_rate(to, &row.requests, rate, TURN)?;
                turn.sort_unstable();
                let waits = self.0.entry(name).or_default();
                waits.rate = rate;
                waits.turns.push(turn);
            }
        }
        Ok(())
    }

    /// The median over the turns of the ratio of each to the other's beside it.
    pub fn p99_ratio(&self, row: &str, to: &str) -> f64 {
        let p99s = |row| self.0[row].turns.iter().map(|turn| part(turn, P99));
        median(p99s(row).zip(p99s(to)).map(|(own, other)| own / other))
    }

    pub fn table(&self) -> String {
        let head = "| Row | requests/s | p50, µs | p99, µs | p99 of all turns, µs |\n|---|---|---|---|---|\n";
        let row = |(name, waits): (&&str, &Waits)| {
            let [p50, p99] =
                [0.5, P99].map(|share| median(waits.turns.iter().map(|turn| part(turn, share))));
            let mut all = waits.turns.concat();
            all.sort_unstable();
            let (rate, of_all) = (waits.rate, part(&all, P99));
            format!("| {name} | {rate:.0} | {p50:.0} | {p99:.0} | {of_all:.0} |\n")
        };
        String::from(head) + &self.0.iter().map(row).collect::<String>()
    }
}

/// What that share of some sorted waits does not exceed, in microseconds; of none, NaN.
fn part(sorted: &[Duration], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    let wait = sorted.get(index).or(sorted.last());
    wait.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_waits() {
        let waits: Vec<Duration> = (0..200).map(Duration::from_micros).collect();
        assert_eq!(part(&waits, 0.5), 100.0);
        assert_eq!(part(&waits, P99), 198.0);
        assert_eq!(part(&waits[..1], P99), 0.0);
        assert!(part(&[], P99).is_nan());
    }

    #[test]
    fn turns_are_compared_with_those_beside_them() {
        let turns = |micros: [u64; 3]| Waits {
            rate: 1.0,
            turns: micros
                .map(|micros| vec![Duration::from_micros(micros)])
                .into(),
        };
        // The machine was slow in the second, for both.
        let rows = [
            ("own", turns([12, 120, 11])),
            ("other", turns([10, 100, 10])),
        ];
        let latencies = Latencies(rows.into_iter().collect());
        assert_eq!(latencies.p99_ratio("own", "other"), 1.2);
        assert!(latencies.table().contains("| own | 1 | 12 | 12 | 120 |"));
    }
}
