//! A credential from a secret store. It is polled, so that it rotates without a restart. A new
//! value is used immediately. Until then, the last valid value remains in use, for up to `max_stale`.

use super::value::{self, ValueError};
use crate::fetch::callout::{Answer, Callout, Target};
use crate::fetch::refresh::{Attempt, Demand, Freshness, Refresh, Schedule};
use crate::secret::Secret;
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;

/// The source of the value: the compiled form of `credentials[].http`.
#[derive(Clone, Debug)]
pub struct Store {
    pub target: Target,
    /// Header names are in lower case.
    pub headers: Vec<(String, Secret)>,
    /// How the filter authenticates to the store.
    pub auth: Option<Auth>,
    /// JSON Pointer of the value in the answer (RFC 6901). `None`: the answer is the value.
    pub pointer: Option<String>,
    pub schedule: Schedule,
}

/// A polled credential with its refresh schedule.
#[derive(Debug)]
pub struct Polled {
    store: Store,
    refresh: Refresh,
    value: Option<Secret>,
    generation: Generation,
    /// The expiry of the value was reported to the operator.
    reported: bool,
}

/// A number that identifies one value of a credential.
pub type Generation = u64;

/// Why no value is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolledUnavailable {
    /// No value has arrived yet.
    NeverFetched,
    /// The last valid value is older than `max_stale`.
    Stale,
}

/// The effect of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollProgress {
    /// A valid value is in use. `changed`: it differs from the previous value.
    Renewed { changed: bool },
    /// The answer was invalid; the previous value remains in use.
    Failed(ValueError),
    /// The answer is too late and is ignored.
    Late,
}

impl Polled {
    pub fn new(store: Store, now: Timestamp) -> Self {
        Self {
            refresh: Refresh::new(store.schedule, now),
            store,
            value: None,
            generation: 0,
            reported: false,
        }
    }

    /// Returns the value and its generation.
    ///
    /// # Errors
    /// The reason why no value may be used.
    pub fn value(&self, now: Timestamp) -> Result<(&Secret, Generation), PolledUnavailable> {
        match (self.refresh.freshness(now), &self.value) {
            (Freshness::Usable { .. }, Some(value)) => Ok((value, self.generation)),
            (Freshness::Stale { .. }, _) => Err(PolledUnavailable::Stale),
            (Freshness::Never, _) | (_, None) => Err(PolledUnavailable::NeverFetched),
        }
    }

    /// Returns the time of the last successful poll.
    pub fn fetched(&self) -> Option<Timestamp> {
        self.refresh.last_good()
    }

    /// Returns whether an answer may arrive before the deadline.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.refresh.may_answer_by(deadline)
    }

    /// Returns how the polls authenticate.
    pub fn auth(&self) -> Option<&Auth> {
        self.store.auth.as_ref()
    }

    /// Retries soon, because the cause of the last failure may be gone.
    pub fn hurry(&mut self, now: Timestamp) {
        if self.store.auth.is_some() {
            self.refresh.hurry(now);
        }
    }

    /// Returns a poll to start now, without its authorization.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        let attempt = self.refresh.due(now)?;
        Some((attempt, self.callout()))
    }

    /// Handles a value that the upstream rejected. If the value is in use, a newer one is polled
    /// immediately, at most once per cooldown.
    pub fn rejected(&mut self, used: Generation, now: Timestamp) -> Option<(Attempt, Callout)> {
        if used != self.generation {
            return None;
        }
        match self.refresh.demand(now) {
            Demand::Fetch(attempt) => Some((attempt, self.callout())),
            Demand::UnderWay | Demand::Cooling { .. } => None,
        }
    }

    /// Processes the answer to a poll. An invalid answer never replaces a valid value.
    pub fn answered(&mut self, attempt: Attempt, answer: &Answer, now: Timestamp) -> PollProgress {
        match value::read(answer, self.store.pointer.as_deref()) {
            Ok(new) if self.refresh.succeeded(attempt, now) => {
                let changed = self.value.as_ref() != Some(&new);
                if changed {
                    self.value = Some(new);
                    self.generation += 1;
                }
                self.reported = false;
                PollProgress::Renewed { changed }
            }
            Err(error) if self.refresh.failed_for(attempt, now, error.pause()) => {
                PollProgress::Failed(error)
            }
            Ok(_) | Err(_) => PollProgress::Late,
        }
    }

    /// Returns true once, when the last valid value becomes too old. Must be called on every tick.
    pub fn has_lapsed(&mut self, now: Timestamp) -> bool {
        let lapsed = self.value(now) == Err(PolledUnavailable::Stale) && !self.reported;
        self.reported |= lapsed;
        if lapsed {
            // The value may not be used again, so it is not kept.
            self.value = None;
        }
        lapsed
    }

    fn callout(&self) -> Callout {
        let store = &self.store;
        let mut callout = Callout::get(store.target.clone(), store.schedule.timeout);
        if store.pointer.is_none() {
            callout.headers = vec![("accept".into(), "*/*".into())];
        }
        for (name, value) in &store.headers {
            callout.headers.retain(|(other, _)| other != name);
            callout = callout.header(name, value.expose());
        }
        callout
    }
}
