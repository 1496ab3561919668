//! When to fetch keys, and how long to trust those we have: a state machine without I/O.
//!
//! It fetches ahead of time in the background, at once for an unknown kid (single flight, then a
//! cooldown), retries failures with growing pauses, and stops vouching for the last good answer
//! after `max_stale`.

use crate::time::Timestamp;
use std::time::Duration;

/// The compiled bounds of one fetched thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From a good answer to the next background fetch.
    pub refresh: Duration,
    /// From the last good answer to the moment it may no longer be used.
    pub max_stale: Duration,
    /// From the end of a fetch for an unknown kid to the earliest next one.
    pub cooldown: Duration,
    /// How long one fetch may take.
    pub timeout: Duration,
}

/// The first pause after a failure; it doubles up to `cooldown` (or `refresh`, if shorter).
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// How much longer than its calls' `timeout` a fetch may take before it is given up as lost. A fetch
/// is one call, or two where discovery comes first.
const GRACE: Duration = Duration::from_secs(5);
const MOST_CALLS: u32 = 2;

/// The life of one fetched thing.
#[derive(Clone, Debug)]
pub struct Refresh {
    schedule: Schedule,
    last_good: Option<Timestamp>,
    next_fetch: Timestamp,
    failures: u32,
    in_flight: Option<InFlight>,
    attempts: u64,
    cooldown_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    attempt: Attempt,
    started: Timestamp,
    demanded: bool,
}

/// Names one fetch, so that a late answer to an earlier one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(u64);

/// What asking for a fetch out of turn led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Fetch now.
    Fetch(Attempt),
    /// A fetch is under way; its answer will do.
    UnderWay,
    /// Not before that moment.
    Cooling { until: Timestamp },
}

/// What stands in the way of fetching again, as one VM tells others that would fetch the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// Failures in a row.
    pub failures: u32,
    /// After a failure, the next background fetch.
    pub retry_at: Option<Timestamp>,
    /// The earliest next fetch out of turn.
    pub cooldown_until: Option<Timestamp>,
}

/// Whether the last good answer may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No good answer has ever come.
    Never,
    Usable {
        age: Duration,
    },
    /// Older than `max_stale`.
    Stale {
        age: Duration,
    },
}

impl Refresh {
    /// A thing never fetched: due at once.
    pub fn new(schedule: Schedule, now: Timestamp) -> Self {
        Self {
            schedule,
            last_good: None,
            next_fetch: now,
            failures: 0,
            in_flight: None,
            attempts: 0,
            cooldown_until: None,
        }
    }

    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// To be asked on every tick: a background fetch to begin now, if one is due.
    pub fn due(&mut self, now: Timestamp) -> Option<Attempt> {
        self.give_up_lost(now);
        (self.in_flight.is_none() && now >= self.next_fetch).then(|| self.begin(now, false))
    }

    /// Asks for a fetch out of turn, for a key the last answer does not hold.
    pub fn demand(&mut self, now: Timestamp) -> Demand {
        self.give_up_lost(now);
        if self.in_flight.is_some() {
            return Demand::UnderWay;
        }
        match self.cooldown_until {
            Some(until) if now < until => Demand::Cooling { until },
            _ => Demand::Fetch(self.begin(now, true)),
        }
    }

    /// The answer was good and is in use. False: it was too late to count.
    pub fn succeeded(&mut self, attempt: Attempt, now: Timestamp) -> bool {
        self.succeeded_until(attempt, now, now.plus(self.schedule.refresh))
    }

    /// The same for an answer that tells itself when the next fetch is due.
    pub fn succeeded_until(&mut self, attempt: Attempt, now: Timestamp, next: Timestamp) -> bool {
        if !self.end(attempt, now) {
            return false;
        }
        self.failures = 0;
        self.last_good = Some(now);
        self.next_fetch = next;
        true
    }

    /// No answer, or a bad one. The last good one stays. False: it was too late to count.
    pub fn failed(&mut self, attempt: Attempt, now: Timestamp) -> bool {
        self.failed_for(attempt, now, Duration::ZERO)
    }

    /// The same where the service asks not to be called for so long.
    pub fn failed_for(&mut self, attempt: Attempt, now: Timestamp, least: Duration) -> bool {
        if !self.end(attempt, now) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        self.next_fetch = now.plus(self.pause().max(least));
        if !least.is_zero() {
            self.cooldown_until = self.cooldown_until.max(Some(now.plus(least)));
        }
        true
    }

    /// What the last fetch failed for is there now: the next one need not wait.
    pub fn hurry(&mut self, now: Timestamp) {
        if self.failures > 0 {
            let earliest = self.cooldown_until.map_or(now, |until| until.max(now));
            self.next_fetch = self.next_fetch.min(earliest);
        }
    }

    /// When the last good answer came.
    pub fn last_good(&self) -> Option<Timestamp> {
        self.last_good
    }

    pub fn freshness(&self, now: Timestamp) -> Freshness {
        match self.last_good {
            None => Freshness::Never,
            Some(good) if now.since(good) <= self.schedule.max_stale => Freshness::Usable {
                age: now.since(good),
            },
            Some(good) => Freshness::Stale {
                age: now.since(good),
            },
        }
    }

    /// Whether an answer can be hoped for by then: a fetch is under way, or begins before.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.in_flight.is_some() || self.next_fetch <= deadline
    }

    /// Whether that fetch still counts.
    pub fn is_under_way(&self, attempt: Attempt) -> bool {
        self.in_flight
            .is_some_and(|current| current.attempt == attempt)
    }

    /// Whether that fetch was asked for out of turn.
    pub fn is_demanded(&self, attempt: Attempt) -> bool {
        self.in_flight
            .is_some_and(|current| current.attempt == attempt && current.demanded)
    }

    /// That fetch was held back, and goes out only now: from now on its time counts.
    pub fn sent(&mut self, attempt: Attempt, now: Timestamp) {
        if let Some(current) = &mut self.in_flight
            && current.attempt == attempt
        {
            current.started = now;
        }
    }

    /// Begins a fetch whose answer another has, unless one of ours is under way.
    pub fn take_over(&mut self, now: Timestamp) -> Option<Attempt> {
        self.in_flight.is_none().then(|| self.begin(now, false))
    }

    /// What others should know who would fetch the same.
    pub fn backoff(&self) -> Backoff {
        Backoff {
            failures: self.failures,
            retry_at: (self.failures > 0).then_some(self.next_fetch),
            cooldown_until: self.cooldown_until,
        }
    }

    /// That fetch is not made, since another was in vain just now: what holds for that one holds for
    /// us. False: it is no longer under way.
    pub fn stand_down(&mut self, attempt: Attempt, other: Backoff, now: Timestamp) -> bool {
        if !self.is_under_way(attempt) {
            return false;
        }
        self.in_flight = None;
        let latest = now.plus(self.schedule.cooldown.max(FIRST_RETRY));
        let bounded = |time: Timestamp| time.min(latest);
        let cooldown_until = other.cooldown_until.map(bounded);
        self.cooldown_until = self.cooldown_until.max(cooldown_until);
        if let Some(retry_at) = other.retry_at {
            self.failures = self.failures.max(other.failures);
            self.next_fetch = self.next_fetch.max(bounded(retry_at));
        }
        true
    }

    fn begin(&mut self, now: Timestamp, demanded: bool) -> Attempt {
        self.attempts = self.attempts.wrapping_add(1);
        let attempt = Attempt(self.attempts);
        self.in_flight = Some(InFlight {
            attempt,
            started: now,
            demanded,
        });
        attempt
    }

    fn end(&mut self, attempt: Attempt, now: Timestamp) -> bool {
        match self.in_flight {
            Some(current) if current.attempt == attempt => {
                self.in_flight = None;
                if current.demanded {
                    self.cooldown_until = Some(now.plus(self.schedule.cooldown));
                }
                true
            }
            _ => false,
        }
    }

    fn give_up_lost(&mut self, now: Timestamp) {
        let budget = self
            .schedule
            .timeout
            .saturating_mul(MOST_CALLS)
            .saturating_add(GRACE);
        if let Some(current) = self.in_flight
            && now.since(current.started) > budget
        {
            self.failed(current.attempt, now);
        }
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let longest = self
            .schedule
            .cooldown
            .min(self.schedule.refresh)
            .max(FIRST_RETRY);
        FIRST_RETRY.saturating_mul(1 << doublings).min(longest)
    }
}

#[cfg(test)]
mod tests;
