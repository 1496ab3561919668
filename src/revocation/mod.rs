//! The revocation feed, which lists callers, clients, sessions and tokens that are denied although
//! their tokens are valid. It is polled in the background, so that a revocation takes effect within
//! `refresh`. Without I/O, like the keys: calls go out as values, answers come in as values.

mod list;

use crate::decision::{FeedUnavailable, Ground};
use crate::fetch::callout::{Answer, Callout, CalloutError, Target};
use crate::fetch::refresh::{Attempt, Backoff, Freshness, Refresh, Schedule};
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;
use crate::token::claims::{Claims, Fact};
pub use list::{List, ListError, TOKEN_ID};
use std::fmt;

/// The source of the feed: the compiled form of `revocation`.
#[derive(Clone, Debug)]
pub struct Source {
    pub target: Target,
    pub schedule: Schedule,
    pub on_stale: OnStale,
    /// How the filter authenticates to the service.
    pub auth: Option<Auth>,
}

/// What happens if the last valid feed is too old, or no feed has arrived yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStale {
    Deny,
    /// Callers that the last valid feed does not revoke are allowed.
    Allow,
}

/// The feed and its refresh schedule.
#[derive(Debug)]
pub struct Revocation {
    source: Source,
    refresh: Refresh,
    list: List,
    /// At least one fetch has ended, successfully or not.
    tried: bool,
    /// The unavailability of the feed was reported to the operator.
    reported: bool,
}

/// What the feed says about a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Clear,
    Revoked(Ground),
    /// A claim with an id that the feed could list is in a form that cannot be read.
    Unreadable,
    /// No valid feed is available.
    Unknown(FeedUnavailable),
}

/// The effect of an answer.
#[derive(Debug)]
pub enum Progress {
    /// A valid feed is in use. `changed`: its content differs from the previous feed.
    Renewed { entries: usize, changed: bool },
    /// The answer was invalid; the previous feed remains in use.
    Failed(FeedError),
    /// The answer is too late and is ignored.
    Late,
}

/// Why an answer is invalid. Contains nothing of the feed, because its ids identify people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedError {
    Callout(CalloutError),
    Status(u16),
    List(ListError),
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callout(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::List(error) => error.fmt(f),
        }
    }
}

impl Revocation {
    pub fn new(source: Source, now: Timestamp) -> Self {
        Self {
            refresh: Refresh::new(source.schedule, now),
            source,
            list: List::default(),
            tried: false,
            reported: false,
        }
    }

    /// Returns what the feed says about a caller. A caller that the last valid feed revokes stays
    /// revoked, even if the feed is stale.
    pub fn standing(&self, caller: &Claims, now: Timestamp) -> Standing {
        if let Some(ground) = self.list.revokes(caller) {
            return Standing::Revoked(ground);
        }
        let ids = [Fact::Client, Fact::Session, Fact::TokenId];
        if ids.into_iter().any(|fact| caller.unclear.has(fact)) {
            return Standing::Unreadable;
        }
        match self.unavailable(now) {
            None => Standing::Clear,
            // Requests wait for the first fetch only. After it, an outage must not delay requests.
            Some(_) if self.is_lenient() && self.tried => Standing::Clear,
            Some(reason) => Standing::Unknown(reason),
        }
    }

    /// Returns whether callers are allowed while no valid feed is available.
    pub fn is_lenient(&self) -> bool {
        self.source.on_stale == OnStale::Allow
    }

    /// Returns whether an answer may arrive before the deadline.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.refresh.may_answer_by(deadline)
    }

    /// Returns whether a valid feed is available.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.unavailable(now).is_none()
    }

    /// Returns the time of the last successful fetch.
    pub fn fetched(&self) -> Option<Timestamp> {
        self.refresh.last_good()
    }

    /// Returns the refresh schedule.
    pub fn refresh(&self) -> &Refresh {
        &self.refresh
    }

    /// Records that a deferred fetch is sent only now.
    pub fn sent(&mut self, attempt: Attempt, now: Timestamp) {
        self.refresh.sent(attempt, now);
    }

    /// Starts a fetch whose answer another VM already has.
    pub fn take_over(&mut self, now: Timestamp) -> Option<Attempt> {
        self.refresh.take_over(now)
    }

    /// Cancels the fetch, because another VM's fetch has just failed. Returns false if the fetch is
    /// not running.
    pub fn stand_down(&mut self, attempt: Attempt, other: Backoff, now: Timestamp) -> bool {
        let stands_down = self.refresh.stand_down(attempt, other, now);
        self.tried |= stands_down;
        stands_down
    }

    /// Returns how the fetches authenticate.
    pub fn auth(&self) -> Option<&Auth> {
        self.source.auth.as_ref()
    }

    /// Returns a fetch to start now, without its authorization.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        let attempt = self.refresh.due(now)?;
        let callout = Callout::get(self.source.target.clone(), self.source.schedule.timeout);
        Some((attempt, callout))
    }

    /// Retries soon, because the cause of the last failure may be gone.
    pub fn hurry(&mut self, now: Timestamp) {
        self.refresh.hurry(now);
    }

    /// Processes the answer to a fetch. An invalid answer never replaces a valid feed.
    pub fn answered(&mut self, attempt: Attempt, answer: Answer, now: Timestamp) -> Progress {
        match read(answer) {
            Ok(list) if self.refresh.succeeded(attempt, now) => {
                let changed = !self.tried || list != self.list;
                let entries = list.len();
                self.list = list;
                self.tried = true;
                self.reported = false;
                Progress::Renewed { entries, changed }
            }
            Err(error) if self.refresh.failed(attempt, now) => {
                self.tried = true;
                Progress::Failed(error)
            }
            Ok(_) | Err(_) => Progress::Late,
        }
    }

    /// Returns a warning that the feed is unavailable, once until a valid feed arrives. Must be
    /// called on every tick.
    pub fn take_warning(&mut self, now: Timestamp) -> Option<&'static str> {
        let reason = self
            .unavailable(now)
            .filter(|_| self.tried && !self.reported)?;
        self.reported = true;
        Some(match (self.source.on_stale, reason) {
            (OnStale::Deny, FeedUnavailable::NeverFetched) => {
                "no revocation feed has arrived yet: requests with a token are denied \
                 (on_stale: deny)"
            }
            (OnStale::Deny, FeedUnavailable::Stale) => {
                "the revocation feed is older than max_stale: requests with a token are denied \
                 (on_stale: deny)"
            }
            (OnStale::Allow, FeedUnavailable::NeverFetched) => {
                "no revocation feed has arrived yet: revoked callers are allowed (on_stale: allow)"
            }
            (OnStale::Allow, FeedUnavailable::Stale) => {
                "the revocation feed is older than max_stale: callers revoked since then are allowed \
                 (on_stale: allow)"
            }
        })
    }

    fn unavailable(&self, now: Timestamp) -> Option<FeedUnavailable> {
        match self.refresh.freshness(now) {
            Freshness::Usable { .. } => None,
            Freshness::Never => Some(FeedUnavailable::NeverFetched),
            Freshness::Stale { .. } => Some(FeedUnavailable::Stale),
        }
    }
}

fn read(answer: Answer) -> Result<List, FeedError> {
    match answer {
        Answer::Response { status: 200, body } => List::from_json(&body).map_err(FeedError::List),
        Answer::Response { status, .. } => Err(FeedError::Status(status)),
        Answer::Failed(error) => Err(FeedError::Callout(error)),
    }
}
