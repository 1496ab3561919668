//! Who may no longer call, whatever their tokens say: a feed that is polled in the background, so that
//! it takes effect within `refresh`. Without I/O, like the keys: calls go out as values, answers come
//! in as values.

mod list;

use crate::decision::{FeedUnavailable, Ground};
use crate::fetch::callout::{Answer, Callout, CalloutError, Target};
use crate::fetch::refresh::{Attempt, Backoff, Freshness, Refresh, Schedule};
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;
use crate::token::claims::{Claims, Fact};
pub use list::{List, ListError, TOKEN_ID};
use std::fmt;

/// Where the feed comes from: the compiled form of `revocation`.
#[derive(Clone, Debug)]
pub struct Source {
    pub target: Target,
    pub schedule: Schedule,
    pub on_stale: OnStale,
    /// Who we are to that service.
    pub auth: Option<Auth>,
}

/// What happens when the last good feed is too old, or none ever came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStale {
    Deny,
    /// Whom the last good feed does not revoke may pass.
    Allow,
}

/// The feed over time.
#[derive(Debug)]
pub struct Revocation {
    source: Source,
    refresh: Refresh,
    list: List,
    /// A fetch has ended, well or badly.
    tried: bool,
    /// The operator knows that the feed is lacking.
    told: bool,
}

/// What the feed says of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Clear,
    Revoked(Ground),
    /// An id of the token's that the feed could name is in a form that can't be read.
    Unreadable,
    /// There is no feed to trust.
    Unknown(FeedUnavailable),
}

/// What an answer changed.
#[derive(Debug)]
pub enum Progress {
    /// A good feed is in use; `changed`: it says something else than the one before.
    Renewed { entries: usize, changed: bool },
    /// The answer was no good; what we had stays.
    Failed(FeedError),
    /// It came too late to matter.
    Late,
}

/// Why an answer was no good. Says nothing of what stands in it: those are people's ids.
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
            told: false,
        }
    }

    /// What the feed says of a caller. Whom the last good one revokes stays revoked, however old it is.
    pub fn standing(&self, caller: &Claims, now: Timestamp) -> Standing {
        if let Some(ground) = self.list.revokes(caller) {
            return Standing::Revoked(ground);
        }
        let ids = [Fact::Client, Fact::Session, Fact::TokenId];
        if ids.into_iter().any(|fact| caller.unclear.has(fact)) {
            return Standing::Unreadable;
        }
        match self.lack(now) {
            None => Standing::Clear,
            // The first fetch is worth waiting for; after that, an outage must not slow anyone down.
            Some(_) if self.is_lenient() && self.tried => Standing::Clear,
            Some(lack) => Standing::Unknown(lack),
        }
    }

    /// Whether callers pass whom no feed speaks of.
    pub fn is_lenient(&self) -> bool {
        self.source.on_stale == OnStale::Allow
    }

    /// Whether an answer can be hoped for by then.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.refresh.may_answer_by(deadline)
    }

    /// Whether there is a feed to trust.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.lack(now).is_none()
    }

    /// When it was last fetched well.
    pub fn fetched(&self) -> Option<Timestamp> {
        self.refresh.last_good()
    }

    /// When it is fetched.
    pub fn refresh(&self) -> &Refresh {
        &self.refresh
    }

    /// That fetch was held back, and goes out only now.
    pub fn sent(&mut self, attempt: Attempt, now: Timestamp) {
        self.refresh.sent(attempt, now);
    }

    /// Begins a fetch whose answer another has.
    pub fn take_over(&mut self, now: Timestamp) -> Option<Attempt> {
        self.refresh.take_over(now)
    }

    /// That fetch is not made, since another was in vain just now. False: it is not under way.
    pub fn stand_down(&mut self, attempt: Attempt, other: Backoff, now: Timestamp) -> bool {
        let stands_down = self.refresh.stand_down(attempt, other, now);
        self.tried |= stands_down;
        stands_down
    }

    /// How its fetches authenticate.
    pub fn auth(&self) -> Option<&Auth> {
        self.source.auth.as_ref()
    }

    /// A fetch to begin now, still to be authorized.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        let attempt = self.refresh.due(now)?;
        let callout = Callout::get(self.source.target.clone(), self.source.schedule.timeout);
        Some((attempt, callout))
    }

    /// What the last fetch failed for may be there now.
    pub fn hurry(&mut self, now: Timestamp) {
        self.refresh.hurry(now);
    }

    /// Takes in the answer to a fetch. A bad one never replaces a good one.
    pub fn answered(&mut self, attempt: Attempt, answer: Answer, now: Timestamp) -> Progress {
        match read(answer) {
            Ok(list) if self.refresh.succeeded(attempt, now) => {
                let changed = !self.tried || list != self.list;
                let entries = list.len();
                self.list = list;
                self.tried = true;
                self.told = false;
                Progress::Renewed { entries, changed }
            }
            Err(error) if self.refresh.failed(attempt, now) => {
                self.tried = true;
                Progress::Failed(error)
            }
            Ok(_) | Err(_) => Progress::Late,
        }
    }

    /// That the feed is lacking: told once until a good one comes. On every tick.
    pub fn complaint(&mut self, now: Timestamp) -> Option<&'static str> {
        let lack = self.lack(now).filter(|_| self.tried && !self.told)?;
        self.told = true;
        Some(match (self.source.on_stale, lack) {
            (OnStale::Deny, FeedUnavailable::NeverFetched) => {
                "the revocation feed has never come: requests with a token are denied \
                 (on_stale: deny)"
            }
            (OnStale::Deny, FeedUnavailable::Stale) => {
                "the revocation feed is older than max_stale: requests with a token are denied \
                 (on_stale: deny)"
            }
            (OnStale::Allow, FeedUnavailable::NeverFetched) => {
                "the revocation feed has never come: revoked callers pass (on_stale: allow)"
            }
            (OnStale::Allow, FeedUnavailable::Stale) => {
                "the revocation feed is older than max_stale: callers revoked since then pass \
                 (on_stale: allow)"
            }
        })
    }

    fn lack(&self, now: Timestamp) -> Option<FeedUnavailable> {
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
