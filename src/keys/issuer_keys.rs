//! The keys of one issuer over time: due fetches, the effect of their answers, and key lookup. It performs no I/O:
//! callouts and answers are values.

use crate::decision::KeysUnavailable;
use crate::fetch::callout::{Answer, Callout, CalloutError, Target, UriError};
use crate::fetch::refresh::{Attempt, Demand, Freshness, Refresh};
use crate::fetch::shared::SharedFetch;
use crate::json;
use crate::keys::algorithm::Algorithm;
use crate::keys::keyset::{Candidates, KeySet, KeySetError, Lookup};
use crate::keys::source::KeySource;
use crate::time::Timestamp;
use std::fmt;

/// The keys of one issuer, and their source.
#[derive(Debug)]
pub struct IssuerKeys {
    source: KeySource,
    /// `None` for inline keys.
    refresh: Option<Refresh>,
    keys: Option<KeySet>,
}

/// A callout to make, with the stage and attempt that its answer belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub stage: Stage,
    pub attempt: Attempt,
    pub callout: Callout,
}

/// The callout within a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Discovery,
    Keys,
}

/// The result of a key lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    Keys(Candidates<'a>),
    /// The set does not have the key; a newer set may have it.
    Unknown,
    /// The key exists but must not be used with the token's algorithm.
    WrongAlgorithm,
    /// The token has no `kid`, and several keys fit its algorithm.
    Ambiguous,
    /// There is no usable key set.
    Unavailable(KeysUnavailable),
}

/// The effect of an answer.
#[derive(Debug)]
pub enum Progress {
    /// Another callout is needed.
    Next(Fetch),
    /// A new key set is in use. `dropped`: a key of the old set was removed or changed.
    Renewed {
        keys: usize,
        dropped: bool,
        /// The number of keys that have the id of an earlier key.
        duplicates: usize,
    },
    /// The answer was unusable; the old keys remain in use.
    Failed(FetchError),
    /// The answer came too late and was ignored.
    Late,
}

/// The reason why an answer is unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    Callout(CalloutError),
    Status(u16),
    KeySet(KeySetError),
    NoDiscovery,
    /// The discovery document has a different issuer.
    Issuer {
        expected: String,
    },
    JwksUri(UriError),
    /// The discovery document was fetched from an `https` URI, but its `jwks_uri` is `http`.
    Downgrade,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callout(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::KeySet(error) => error.fmt(f),
            Self::NoDiscovery => {
                f.write_str("the answer is not a discovery document with issuer and jwks_uri")
            }
            Self::Issuer { expected } => {
                write!(f, "the discovery document's issuer is not {expected}")
            }
            Self::JwksUri(error) => write!(f, "the discovery document's jwks_uri {error}"),
            Self::Downgrade => f.write_str("the discovery document's jwks_uri is not https"),
        }
    }
}

impl IssuerKeys {
    pub fn new(source: KeySource, now: Timestamp) -> Self {
        let (refresh, keys) = match &source {
            KeySource::Inline(keys) => (None, Some(keys.clone())),
            KeySource::Uri { schedule, .. } | KeySource::Discovery { schedule, .. } => {
                (Some(Refresh::new(*schedule, now)), None)
            }
        };
        Self {
            source,
            refresh,
            keys,
        }
    }

    /// Finds the keys that may verify a token.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Found<'_> {
        match self.usable(now).map(|keys| keys.find(kid, algorithm)) {
            Ok(Lookup::Found(keys)) => Found::Keys(keys),
            Ok(Lookup::Unknown) => Found::Unknown,
            Ok(Lookup::WrongAlgorithm) => Found::WrongAlgorithm,
            Ok(Lookup::Ambiguous) => Found::Ambiguous,
            Err(reason) => Found::Unavailable(reason),
        }
    }

    /// Returns the current keys.
    ///
    /// # Errors
    /// [`KeysUnavailable`] if there are no keys or they are older than `max_stale`.
    pub fn usable(&self, now: Timestamp) -> Result<&KeySet, KeysUnavailable> {
        let freshness = self.refresh.as_ref().map(|refresh| refresh.freshness(now));
        match (freshness, &self.keys) {
            (Some(Freshness::Stale { .. }), _) => Err(KeysUnavailable::Stale),
            (Some(Freshness::Never), _) | (_, None) => Err(KeysUnavailable::NeverFetched),
            (Some(Freshness::Usable { .. }) | None, Some(keys)) => Ok(keys),
        }
    }

    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.usable(now).is_ok()
    }

    /// The time of the last successful fetch. `None` if there was none, or if the keys are inline.
    pub fn fetched(&self) -> Option<Timestamp> {
        self.refresh.as_ref()?.last_good()
    }

    /// Processes the answers to all callouts of a fetch that another VM made. `at` is the time when that VM
    /// received them.
    pub fn taken_over(
        &mut self,
        attempt: Attempt,
        bodies: Vec<Vec<u8>>,
        at: Timestamp,
    ) -> Progress {
        let mut stage = match &self.source {
            KeySource::Discovery { .. } => Stage::Discovery,
            KeySource::Uri { .. } | KeySource::Inline(_) => Stage::Keys,
        };
        for body in bodies {
            let status = 200;
            let answer = Answer::Response { status, body };
            match self.answered(stage, attempt, answer, at) {
                Progress::Next(next) => stage = next.stage,
                progress => return progress,
            }
        }
        let incomplete = Answer::Failed(CalloutError::Interrupted);
        self.answered(stage, attempt, incomplete, at)
    }

    /// Returns a background fetch to begin now, if one is due.
    pub fn due(&mut self, now: Timestamp) -> Option<Fetch> {
        let attempt = self.refresh.as_mut()?.due(now)?;
        self.begin(attempt)
    }

    /// Requests newer keys ahead of schedule. Returns whether an answer is expected, and the fetch to begin, unless a
    /// fetch is already in flight.
    pub fn demand(&mut self, now: Timestamp) -> (bool, Option<Fetch>) {
        match self.refresh.as_mut().map(|refresh| refresh.demand(now)) {
            Some(Demand::Fetch(attempt)) => (true, self.begin(attempt)),
            Some(Demand::UnderWay) => (true, None),
            Some(Demand::Cooling { .. }) | None => (false, None),
        }
    }

    /// Returns whether a fetch is in flight or begins before the deadline.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.refresh
            .as_ref()
            .is_some_and(|refresh| refresh.may_answer_by(deadline))
    }

    /// Processes the answer to a callout of a fetch.
    pub fn answered(
        &mut self,
        stage: Stage,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Progress {
        let parsed = body(answer).and_then(|body| match stage {
            Stage::Discovery => self.read_discovery(&body).map(Parsed::Target),
            Stage::Keys => KeySet::from_json(&body)
                .map(Parsed::Keys)
                .map_err(FetchError::KeySet),
        });
        let Some(refresh) = &mut self.refresh else {
            return Progress::Late;
        };
        match parsed {
            Ok(Parsed::Target(target)) if refresh.is_under_way(attempt) => {
                let callout = Callout::get(target, refresh.schedule().timeout);
                Progress::Next(Fetch {
                    stage: Stage::Keys,
                    attempt,
                    callout,
                })
            }
            Ok(Parsed::Keys(new)) if refresh.succeeded(attempt, now) => {
                let (keys, duplicates) = (new.len(), new.duplicates());
                let dropped = self
                    .keys
                    .as_ref()
                    .is_some_and(|old| !old.is_subset_of(&new));
                self.keys = Some(match &self.keys {
                    Some(old) => new.sharing_with(old),
                    None => new,
                });
                Progress::Renewed {
                    keys,
                    dropped,
                    duplicates,
                }
            }
            Err(error) if refresh.failed(attempt, now) => Progress::Failed(error),
            Ok(_) | Err(_) => Progress::Late,
        }
    }

    fn begin(&self, attempt: Attempt) -> Option<Fetch> {
        let (stage, target, schedule) = match &self.source {
            KeySource::Uri { target, schedule } => (Stage::Keys, target, schedule),
            KeySource::Discovery {
                target, schedule, ..
            } => (Stage::Discovery, target, schedule),
            KeySource::Inline(_) => return None,
        };
        let callout = Callout::get(target.clone(), schedule.timeout);
        Some(Fetch {
            stage,
            attempt,
            callout,
        })
    }

    /// Reads a discovery document. Its issuer must be the configured one (OpenID Connect Discovery 1.0
    /// §4.3).
    fn read_discovery(&self, body: &[u8]) -> Result<Target, FetchError> {
        let KeySource::Discovery {
            target,
            issuer,
            keys_cluster,
            ..
        } = &self.source
        else {
            return Err(FetchError::NoDiscovery);
        };
        let document = json::parse_object(body).map_err(|_| FetchError::NoDiscovery)?;
        let text = |name| document.get(name).and_then(|value| value.as_str());
        let (Some(document_issuer), Some(uri)) = (text("issuer"), text("jwks_uri")) else {
            return Err(FetchError::NoDiscovery);
        };
        if document_issuer != issuer {
            return Err(FetchError::Issuer {
                expected: issuer.clone(),
            });
        }
        let keys = Target::parse(keys_cluster, uri).map_err(FetchError::JwksUri)?;
        if target.scheme == "https" && keys.scheme != "https" {
            Err(FetchError::Downgrade)
        } else {
            Ok(keys)
        }
    }
}

/// Inline keys have no schedule.
impl SharedFetch for IssuerKeys {
    fn schedule(&self) -> Option<&Refresh> {
        self.refresh.as_ref()
    }

    fn schedule_mut(&mut self) -> Option<&mut Refresh> {
        self.refresh.as_mut()
    }
}

enum Parsed {
    Target(Target),
    Keys(KeySet),
}

fn body(answer: Answer) -> Result<Vec<u8>, FetchError> {
    match answer {
        Answer::Response { status: 200, body } => Ok(body),
        Answer::Response { status, .. } => Err(FetchError::Status(status)),
        Answer::Failed(error) => Err(FetchError::Callout(error)),
    }
}

#[cfg(test)]
mod tests;
