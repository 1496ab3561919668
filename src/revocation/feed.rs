//! The revocation feed, which lists callers, clients, sessions and tokens that are denied although
//! their tokens are valid. It is polled in the background, so that a revocation takes effect within
//! `refresh`. This is a state machine without I/O: calls and answers are values.

use super::list::{List, ListError};
use super::{OnStale, unavailable};
use crate::decision::{Ground, ListUnavailable, RevocationList};
use crate::fetch::callout::{Answer, Callout, CalloutError, Target};
use crate::fetch::refresh::{Attempt, Backoff, Refresh, Schedule};
use crate::fetch::shared::SharedFetch;
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;
use crate::token::claims::Claims;
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

/// The feed and its refresh schedule.
#[derive(Debug)]
pub struct Feed {
    source: Source,
    refresh: Refresh,
    list: List,
    changed: Option<Timestamp>,
    /// Whether at least one fetch has ended, successfully or not.
    tried: bool,
    /// The unavailability of the feed was reported to the operator.
    reported: bool,
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

/// Why an answer is invalid. The error does not contain any part of the feed, because its ids identify people.
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

impl Feed {
    pub fn new(source: Source, now: Timestamp) -> Self {
        Self {
            refresh: Refresh::new(source.schedule, now),
            source,
            list: List::default(),
            changed: None,
            tried: false,
            reported: false,
        }
    }

    /// Returns whether the last valid feed revokes the caller, and by which member. A revocation remains in effect if
    /// the feed is stale.
    pub fn revokes(&self, caller: &Claims) -> Option<Ground> {
        self.list.revokes(caller)
    }

    /// Returns whether callers are allowed while no valid feed is available.
    pub fn is_lenient(&self) -> bool {
        self.source.on_stale == OnStale::Allow
    }

    /// Returns whether at least one fetch has ended. Before that, requests wait for the feed even if they could be
    /// decided without it.
    pub fn is_tried(&self) -> bool {
        self.tried
    }

    /// Returns the number of entries, and when they last changed.
    pub fn content(&self) -> (usize, Option<Timestamp>) {
        (self.list.len(), self.changed)
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
                self.changed = if changed { Some(now) } else { self.changed };
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

    /// Returns a warning that the feed is unavailable, only once until a valid feed arrives. Must be
    /// called on every tick.
    pub fn take_warning(&mut self, now: Timestamp) -> Option<String> {
        let reason = self
            .unavailable(now)
            .filter(|_| self.tried && !self.reported)?;
        self.reported = true;
        let (name, effect) = (RevocationList::Feed.name(), self.source.on_stale.effect());
        Some(format!("the {name} {}: {effect}", reason.text()))
    }

    /// Returns why no valid feed is available; `None` if one is.
    pub fn unavailable(&self, now: Timestamp) -> Option<ListUnavailable> {
        unavailable(&self.refresh, now)
    }
}

impl SharedFetch for Feed {
    fn schedule(&self) -> Option<&Refresh> {
        Some(&self.refresh)
    }

    fn schedule_mut(&mut self) -> Option<&mut Refresh> {
        Some(&mut self.refresh)
    }

    fn stand_down(&mut self, attempt: Attempt, other: Backoff, now: Timestamp) -> bool {
        let stands_down = self.refresh.stand_down(attempt, other, now);
        self.tried |= stands_down;
        stands_down
    }
}

fn read(answer: Answer) -> Result<List, FeedError> {
    match answer {
        Answer::Response { status: 200, body } => List::from_json(&body).map_err(FeedError::List),
        Answer::Response { status, .. } => Err(FeedError::Status(status)),
        Answer::Failed(error) => Err(FeedError::Callout(error)),
    }
}
