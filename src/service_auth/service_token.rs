//! One service token over time. One fetch is in flight at a time, the token is renewed before it expires, and an
//! expired token is never returned. A state machine without I/O: calls and answers are values.

use crate::fetch::callout::{Answer, Callout};
use crate::fetch::refresh::{Attempt, Demand, Refresh, Schedule};
use crate::secret::Secret;
use crate::service_auth::token_response::{self, TokenResponseError};
use crate::time::Timestamp;
use std::time::Duration;

/// The source of a service token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name in logs.
    pub name: String,
    /// The request, including the client secret.
    pub request: Callout,
}

/// The minimum time between successful fetches, even if tokens expire sooner.
const LEAST_BETWEEN: Duration = Duration::from_secs(10);
/// The minimum time between fetches because of a refused token, and the maximum delay after failures.
const COOLDOWN: Duration = Duration::from_secs(60);
/// The maximum safety margin. A token is not used in the last tenth of its lifetime or the last 30 seconds,
/// whichever is shorter, because a call takes time.
const LONGEST_MARGIN: Duration = Duration::from_secs(30);
/// An interval that is never reached. Token lifetimes determine the fetches instead.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// One service token over time.
#[derive(Debug)]
pub struct ServiceToken {
    source: Source,
    refresh: Refresh,
    /// When the fetch in flight was sent. The token's lifetime is counted from this time.
    requested_at: Timestamp,
    current: Option<CurrentToken>,
}

#[derive(Debug)]
struct CurrentToken {
    token: Secret,
    usable_until: Timestamp,
}

/// The effect of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// A new token is in use. `returned`: no usable token existed before.
    Renewed { life: Duration, returned: bool },
    /// The answer was unusable. The old token remains in use until it expires.
    Failed(TokenResponseError),
    /// The answer came too late and was ignored.
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
            requested_at: now,
            current: None,
        }
    }

    /// The name in logs.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// Returns the token, unless it has expired.
    pub fn token(&self, now: Timestamp) -> Option<&Secret> {
        let current = self.current.as_ref()?;
        (now < current.usable_until).then_some(&current.token)
    }

    /// Returns whether there is no usable token, but one is being fetched.
    pub fn is_coming(&self, now: Timestamp) -> bool {
        self.token(now).is_none() && self.refresh.may_answer_by(now)
    }

    /// Begins a fetch, if one is due. Called on every tick.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        if self.token(now).is_none() {
            // An expired token is wiped immediately, not only when the next one arrives.
            self.current = None;
        }
        let attempt = self.refresh.due(now)?;
        Some(self.begin(attempt, now))
    }

    /// Records that a service refused the token although it has not expired. Returns a fetch of a new token,
    /// at most once per cooldown.
    pub fn refused(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        match self.refresh.demand(now) {
            Demand::Fetch(attempt) => Some(self.begin(attempt, now)),
            Demand::UnderWay | Demand::Cooling { .. } => None,
        }
    }

    /// Processes the answer to a fetch.
    pub fn answered(&mut self, attempt: Attempt, answer: Answer, now: Timestamp) -> Progress {
        if !self.refresh.is_under_way(attempt) {
            return Progress::Late;
        }
        match token_response::read(answer, self.requested_at) {
            Ok(response) => {
                let renewal = self.requested_at.plus(response.life / 5 * 4);
                let next = renewal.max(now.plus(LEAST_BETWEEN));
                self.refresh.succeeded_until(attempt, now, next);
                let returned = self.token(now).is_none();
                let margin = (response.life / 10).min(LONGEST_MARGIN);
                self.current = Some(CurrentToken {
                    token: response.token,
                    usable_until: self.requested_at.plus(response.life.saturating_sub(margin)),
                });
                Progress::Renewed {
                    life: response.life,
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
        self.requested_at = now;
        (attempt, self.source.request.clone())
    }
}

#[cfg(test)]
mod tests;
