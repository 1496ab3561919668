//! The schedule of a fetched resource: when to fetch it, and how long it may be used. A state machine without
//! I/O.
//!
//! It refreshes in the background before the data expires, and immediately on demand, for example for an unknown kid:
//! one fetch at a time, followed by a cooldown. Failures are retried with increasing delays. The last good answer may
//! be used for up to `max_stale`.

use crate::time::Timestamp;
use std::time::Duration;

/// The configured intervals of one fetched resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The time from a good answer to the next background fetch.
    pub refresh: Duration,
    /// How long the last good answer may be used.
    pub max_stale: Duration,
    /// The minimum time from the end of a fetch on demand to the next one.
    pub cooldown: Duration,
    /// The timeout of one callout.
    pub timeout: Duration,
}

/// The delay after the first failure. It doubles with each failure, up to `cooldown` (or `refresh`, if shorter).
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The time after the `timeout` of its calls at which a fetch counts as lost. A fetch is one call, or
/// two with discovery.
const GRACE: Duration = Duration::from_secs(5);
const MOST_CALLS: u32 = 2;

/// The refresh state of one fetched resource.
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

/// The id of one fetch, so that a late answer to an earlier fetch is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(u64);

/// The result of requesting a fetch on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Fetch now.
    Fetch(Attempt),
    /// A fetch is already in flight; its answer is sufficient.
    UnderWay,
    /// No fetch is allowed before `until`.
    Cooling { until: Timestamp },
}

/// The delays before the next fetch, shared with other VMs that fetch the same resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// The number of consecutive failures.
    pub failures: u32,
    /// The time of the next background fetch after a failure.
    pub retry_at: Option<Timestamp>,
    /// The earliest time of the next fetch on demand.
    pub cooldown_until: Option<Timestamp>,
}

/// The age of the last good answer, and whether it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No good answer has been received.
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
    /// Creates the state of a resource that was never fetched. The first fetch is due immediately.
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

    /// Begins a background fetch, if one is due. Called on every tick.
    pub fn due(&mut self, now: Timestamp) -> Option<Attempt> {
        self.give_up_lost(now);
        (self.in_flight.is_none() && now >= self.next_fetch).then(|| self.begin(now, false))
    }

    /// Requests a fetch on demand, for example for a key that the last answer does not contain.
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

    /// Records a good answer. Returns false if the answer is late and must be ignored.
    pub fn succeeded(&mut self, attempt: Attempt, now: Timestamp) -> bool {
        self.succeeded_until(attempt, now, now.plus(self.schedule.refresh))
    }

    /// Records a good answer that determines when the next fetch is due. Returns false if the answer is late
    /// and must be ignored.
    pub fn succeeded_until(&mut self, attempt: Attempt, now: Timestamp, next: Timestamp) -> bool {
        if !self.end(attempt, now) {
            return false;
        }
        self.failures = 0;
        self.last_good = Some(now);
        self.next_fetch = next;
        true
    }

    /// Records a missing or bad answer; the last good one remains in use. Returns false if the answer is late
    /// and must be ignored.
    pub fn failed(&mut self, attempt: Attempt, now: Timestamp) -> bool {
        self.failed_for(attempt, now, Duration::ZERO)
    }

    /// Records a failure. `least` is the minimum delay that the service requests before the next call. Returns
    /// false if the answer is late and must be ignored.
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

    /// Skips the retry delay, but not the cooldown, because the cause of the last failure is resolved.
    pub fn hurry(&mut self, now: Timestamp) {
        if self.failures > 0 {
            let earliest = self.cooldown_until.map_or(now, |until| until.max(now));
            self.next_fetch = self.next_fetch.min(earliest);
        }
    }

    /// The time of the last good answer.
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

    /// Returns whether a fetch is in flight or begins before the deadline.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.in_flight.is_some() || self.next_fetch <= deadline
    }

    /// Returns the start of the next fetch; now, if a fetch is in flight.
    pub fn fetched_from(&self, now: Timestamp) -> Option<Timestamp> {
        let is_in_flight = self.in_flight.is_some();
        Some(if is_in_flight { now } else { self.next_fetch })
    }

    /// Returns whether the fetch is in flight.
    pub fn is_under_way(&self, attempt: Attempt) -> bool {
        self.in_flight
            .is_some_and(|current| current.attempt == attempt)
    }

    /// Returns whether the fetch is in flight and was requested on demand.
    pub fn is_demanded(&self, attempt: Attempt) -> bool {
        self.in_flight
            .is_some_and(|current| current.attempt == attempt && current.demanded)
    }

    /// Records that a delayed fetch is sent now. Its time limit starts now.
    pub fn sent(&mut self, attempt: Attempt, now: Timestamp) {
        if let Some(current) = &mut self.in_flight
            && current.attempt == attempt
        {
            current.started = now;
        }
    }

    /// Begins a fetch whose answer another VM already has. Returns `None` if a fetch is in flight.
    pub fn take_over(&mut self, now: Timestamp) -> Option<Attempt> {
        self.in_flight.is_none().then(|| self.begin(now, false))
    }

    /// Returns the delays to share with other VMs.
    pub fn backoff(&self) -> Backoff {
        Backoff {
            failures: self.failures,
            retry_at: (self.failures > 0).then_some(self.next_fetch),
            cooldown_until: self.cooldown_until,
        }
    }

    /// Cancels a fetch because another VM's fetch has just failed, and adopts its backoff, bounded by this
    /// VM's `cooldown`. Returns false if the fetch is not in flight.
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
