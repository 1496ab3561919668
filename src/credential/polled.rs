//! A credential that a secret store keeps: polled, so that it rotates without a restart. A new value
//! takes over at once; the last good one serves until then, and up to `max_stale`.

use super::value::{self, ValueError};
use crate::fetch::callout::{Answer, Callout, Target};
use crate::fetch::refresh::{Attempt, Demand, Freshness, Refresh, Schedule};
use crate::secret::Secret;
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;

/// Where the value comes from: the compiled form of `credentials[].http`.
#[derive(Clone, Debug)]
pub struct Store {
    pub target: Target,
    /// Names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// Who we are to the store.
    pub auth: Option<Auth>,
    /// Where in a JSON answer the value stands (RFC 6901); `None`: the answer is the value.
    pub pointer: Option<String>,
    pub schedule: Schedule,
}

/// A stored credential over time.
#[derive(Debug)]
pub struct Polled {
    store: Store,
    refresh: Refresh,
    value: Option<Secret>,
    generation: Generation,
    /// The operator knows that it is lacking.
    told: bool,
}

/// Tells one value of a credential from the next.
pub type Generation = u64;

/// Why there is no value that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolledUnavailable {
    /// None has come yet.
    NeverFetched,
    /// The last good one is older than `max_stale`.
    Stale,
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollProgress {
    /// A good value is in use; `changed`: another than before.
    Renewed { changed: bool },
    /// The answer was no good; what we had stays.
    Failed(ValueError),
    /// It came too late to matter.
    Late,
}

impl Polled {
    pub fn new(store: Store, now: Timestamp) -> Self {
        Self {
            refresh: Refresh::new(store.schedule, now),
            store,
            value: None,
            generation: 0,
            told: false,
        }
    }

    /// The value, if it may be used, and which of its values it is.
    ///
    /// # Errors
    /// Why it may not.
    pub fn value(&self, now: Timestamp) -> Result<(&Secret, Generation), PolledUnavailable> {
        match (self.refresh.freshness(now), &self.value) {
            (Freshness::Usable { .. }, Some(value)) => Ok((value, self.generation)),
            (Freshness::Stale { .. }, _) => Err(PolledUnavailable::Stale),
            (Freshness::Never, _) | (_, None) => Err(PolledUnavailable::NeverFetched),
        }
    }

    /// When it was last fetched well.
    pub fn fetched(&self) -> Option<Timestamp> {
        self.refresh.last_good()
    }

    /// Whether an answer can be hoped for by then.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.refresh.may_answer_by(deadline)
    }

    /// How its polls authenticate.
    pub fn auth(&self) -> Option<&Auth> {
        self.store.auth.as_ref()
    }

    /// What the last poll failed for may be there now.
    pub fn hurry(&mut self, now: Timestamp) {
        if self.store.auth.is_some() {
            self.refresh.hurry(now);
        }
    }

    /// A poll to begin now, still to be authorized.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        let attempt = self.refresh.due(now)?;
        Some((attempt, self.callout()))
    }

    /// The upstream has refused that value. If it is the one in use, a newer one is asked for: at
    /// once, but not again within the cooldown.
    pub fn rejected(&mut self, used: Generation, now: Timestamp) -> Option<(Attempt, Callout)> {
        if used != self.generation {
            return None;
        }
        match self.refresh.demand(now) {
            Demand::Fetch(attempt) => Some((attempt, self.callout())),
            Demand::UnderWay | Demand::Cooling { .. } => None,
        }
    }

    /// Takes in the answer to a poll. A bad one never replaces a good one.
    pub fn answered(&mut self, attempt: Attempt, answer: &Answer, now: Timestamp) -> PollProgress {
        match value::read(answer, self.store.pointer.as_deref()) {
            Ok(new) if self.refresh.succeeded(attempt, now) => {
                let changed = self.value.as_ref() != Some(&new);
                if changed {
                    self.value = Some(new);
                    self.generation += 1;
                }
                self.told = false;
                PollProgress::Renewed { changed }
            }
            Err(error) if self.refresh.failed_for(attempt, now, error.pause()) => {
                PollProgress::Failed(error)
            }
            Ok(_) | Err(_) => PollProgress::Late,
        }
    }

    /// True once when the last good value has become too old. On every tick.
    pub fn has_lapsed(&mut self, now: Timestamp) -> bool {
        let lapsed = self.value(now) == Err(PolledUnavailable::Stale) && !self.told;
        self.told |= lapsed;
        if lapsed {
            // It may not be used again, so it need not be kept.
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
