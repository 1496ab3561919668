//! A token of our own, leased for calls of our own: fetched by one call at a time, renewed ahead of
//! its end, and never handed out beyond it. A state machine without I/O: calls go out as values,
//! answers come in as values.

use crate::fetch::callout::{Answer, Callout};
use crate::fetch::refresh::{Attempt, Demand, Refresh, Schedule};
use crate::secret::Secret;
use crate::service_auth::token_response::{self, TokenResponseError};
use crate::time::Timestamp;
use std::time::Duration;

/// Where a token is had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What the log calls it.
    pub name: String,
    /// The whole request, a client's secret in it.
    pub request: Callout,
}

/// However short tokens live, no two good fetches are closer than this.
const LEAST_BETWEEN: Duration = Duration::from_secs(10);
/// Between fetches because a service refused the token, and the longest pause after failures.
const COOLDOWN: Duration = Duration::from_secs(60);
/// A token is not used in the last tenth of its life, or the last half minute: a call takes its time.
const LONGEST_MARGIN: Duration = Duration::from_secs(30);
/// A fetch that nothing asks for.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// One leased token over time.
#[derive(Debug)]
pub struct ServiceToken {
    source: Source,
    refresh: Refresh,
    /// When the fetch under way was sent: from there on the token's life counts.
    asked: Timestamp,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    token: Secret,
    usable_until: Timestamp,
}

/// What an answer changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// A new token is in use. `returned`: until now there was none.
    Renewed { life: Duration, returned: bool },
    /// The answer was no good; what we had stays until its end.
    Failed(TokenResponseError),
    /// It came too late to matter.
    Late,
}

impl ServiceToken {
    pub fn new(source: Source, now: Timestamp) -> Self {
        let schedule = Schedule {
            refresh: NEVER,
            max_stale: NEVER,
            cooldown: COOLDOWN,
            timeout: source.request.timeout,
        };
        Self {
            source,
            refresh: Refresh::new(schedule, now),
            asked: now,
            held: None,
        }
    }

    /// What the log calls it.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The token, while it may be used.
    pub fn token(&self, now: Timestamp) -> Option<&Secret> {
        let held = self.held.as_ref()?;
        (now < held.usable_until).then_some(&held.token)
    }

    /// Whether there is no token yet, and the answer that may bring one is on its way.
    pub fn is_coming(&self, now: Timestamp) -> bool {
        self.token(now).is_none() && self.refresh.may_answer_by(now)
    }

    /// To be asked on every tick: a fetch to begin now.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        if self.token(now).is_none() {
            // Wiped at its end, not when the next one comes.
            self.held = None;
        }
        let attempt = self.refresh.due(now)?;
        Some(self.begin(attempt, now))
    }

    /// A service does not accept the token, though its time is not over: another is fetched, once in
    /// a while.
    pub fn refused(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        match self.refresh.demand(now) {
            Demand::Fetch(attempt) => Some(self.begin(attempt, now)),
            Demand::UnderWay | Demand::Cooling { .. } => None,
        }
    }

    /// Takes in the answer to a fetch.
    pub fn answered(&mut self, attempt: Attempt, answer: Answer, now: Timestamp) -> Progress {
        if !self.refresh.is_under_way(attempt) {
            return Progress::Late;
        }
        match token_response::read(answer, self.asked) {
            Ok(grant) => {
                let renewal = self.asked.plus(grant.life / 5 * 4);
                let next = renewal.max(now.plus(LEAST_BETWEEN));
                self.refresh.succeeded_until(attempt, now, next);
                let returned = self.token(now).is_none();
                let margin = (grant.life / 10).min(LONGEST_MARGIN);
                self.held = Some(Held {
                    token: grant.token,
                    usable_until: self.asked.plus(grant.life.saturating_sub(margin)),
                });
                Progress::Renewed {
                    life: grant.life,
                    returned,
                }
            }
            Err(error) => {
                let pause = match &error {
                    TokenResponseError::Callout(error) => error.pause(),
                    _ => Duration::ZERO,
                };
                self.refresh.failed_for(attempt, now, pause);
                Progress::Failed(error)
            }
        }
    }

    fn begin(&mut self, attempt: Attempt, now: Timestamp) -> (Attempt, Callout) {
        self.asked = now;
        (attempt, self.source.request.clone())
    }
}

#[cfg(test)]
mod tests;
