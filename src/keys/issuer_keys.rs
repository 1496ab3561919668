//! The keys of one issuer over time: which fetch is due, what an answer changes, which key a token
//! means. Still without I/O: calls go out as values, answers come in as values.

use crate::decision::KeysUnavailable;
use crate::fetch::callout::{Answer, Callout, CalloutError, Target, UriError};
use crate::fetch::refresh::{Attempt, Backoff, Demand, Freshness, Refresh};
use crate::json;
use crate::keys::algorithm::Algorithm;
use crate::keys::keyset::{Candidates, KeySet, KeySetError, Lookup};
use crate::keys::source::KeySource;
use crate::time::Timestamp;
use std::fmt;

/// One issuer's keys and where they come from.
#[derive(Debug)]
pub struct IssuerKeys {
    source: KeySource,
    /// `None` for inline keys.
    refresh: Option<Refresh>,
    keys: Option<KeySet>,
}

/// A call to make, and what its answer belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub stage: Stage,
    pub attempt: Attempt,
    pub callout: Callout,
}

/// Which of a fetch's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Discovery,
    Keys,
}

/// What a token's key reference leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    Keys(Candidates<'a>),
    /// No such key; a newer set may have it.
    Unknown,
    /// The key is there but must not be used with the token's algorithm.
    WrongAlgorithm,
    /// The token names no key and several would do.
    Ambiguous,
    /// There are no keys that may be used.
    Lacking(KeysUnavailable),
}

/// What an answer changed.
#[derive(Debug)]
pub enum Progress {
    /// One more call is needed.
    Next(Fetch),
    /// A new set is in use. `dropped`: a key of the old one is gone or changed.
    Renewed {
        keys: usize,
        dropped: bool,
        /// Keys that share the id of another.
        duplicates: usize,
    },
    /// The answer was no good; what we had stays.
    Failed(FetchError),
    /// It came too late to matter.
    Late,
}

/// Why an answer was no good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    Callout(CalloutError),
    Status(u16),
    KeySet(KeySetError),
    NoDiscovery,
    /// The discovery document is another issuer's.
    Issuer {
        expected: String,
    },
    JwksUri(UriError),
    /// An `https` discovery document that sends us to plain `http`.
    Downgrade,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callout(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::KeySet(error) => error.fmt(f),
            Self::NoDiscovery => f.write_str("no discovery document with issuer and jwks_uri"),
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

    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Found<'_> {
        match self.usable(now).map(|keys| keys.find(kid, algorithm)) {
            Ok(Lookup::Found(keys)) => Found::Keys(keys),
            Ok(Lookup::Unknown) => Found::Unknown,
            Ok(Lookup::WrongAlgorithm) => Found::WrongAlgorithm,
            Ok(Lookup::Ambiguous) => Found::Ambiguous,
            Err(lack) => Found::Lacking(lack),
        }
    }

    /// The keys we hold, while they may be used.
    ///
    /// # Errors
    /// Why there are none.
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

    /// When they were last fetched well; never, where they stand in the configuration.
    pub fn fetched(&self) -> Option<Timestamp> {
        self.refresh.as_ref()?.last_good()
    }

    /// When they are fetched; `None`: they stand in the configuration.
    pub fn refresh(&self) -> Option<&Refresh> {
        self.refresh.as_ref()
    }

    /// That fetch was held back, and goes out only now.
    pub fn sent(&mut self, attempt: Attempt, now: Timestamp) {
        if let Some(refresh) = &mut self.refresh {
            refresh.sent(attempt, now);
        }
    }

    /// Begins a fetch whose answers another has.
    pub fn take_over(&mut self, now: Timestamp) -> Option<Attempt> {
        self.refresh.as_mut()?.take_over(now)
    }

    /// That fetch is not made, since another was in vain just now. False: it is not under way.
    pub fn stand_down(&mut self, attempt: Attempt, other: Backoff, now: Timestamp) -> bool {
        let refresh = self.refresh.as_mut();
        refresh.is_some_and(|refresh| refresh.stand_down(attempt, other, now))
    }

    /// Takes in the answers to all calls of a fetch that another has made. They count from when they
    /// came there.
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

    /// A background fetch to begin now.
    pub fn due(&mut self, now: Timestamp) -> Option<Fetch> {
        let attempt = self.refresh.as_mut()?.due(now)?;
        self.begin(attempt)
    }

    /// Asks for newer keys out of turn. True: an answer is coming, perhaps by the returned fetch.
    pub fn demand(&mut self, now: Timestamp) -> (bool, Option<Fetch>) {
        match self.refresh.as_mut().map(|refresh| refresh.demand(now)) {
            Some(Demand::Fetch(attempt)) => (true, self.begin(attempt)),
            Some(Demand::UnderWay) => (true, None),
            Some(Demand::Cooling { .. }) | None => (false, None),
        }
    }

    /// Whether an answer can be hoped for by then.
    pub fn may_answer_by(&self, deadline: Timestamp) -> bool {
        self.refresh
            .as_ref()
            .is_some_and(|refresh| refresh.may_answer_by(deadline))
    }

    /// Takes in the answer to a fetch.
    pub fn answered(
        &mut self,
        stage: Stage,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Progress {
        let read = body(answer).and_then(|body| match stage {
            Stage::Discovery => self.read_discovery(&body).map(Read::Target),
            Stage::Keys => KeySet::from_json(&body)
                .map(Read::Keys)
                .map_err(FetchError::KeySet),
        });
        let Some(refresh) = &mut self.refresh else {
            return Progress::Late;
        };
        match read {
            Ok(Read::Target(target)) if refresh.is_under_way(attempt) => {
                let callout = Callout::get(target, refresh.schedule().timeout);
                Progress::Next(Fetch {
                    stage: Stage::Keys,
                    attempt,
                    callout,
                })
            }
            Ok(Read::Keys(new)) if refresh.succeeded(attempt, now) => {
                let (keys, duplicates) = (new.len(), new.duplicates());
                let dropped = self.keys.as_ref().is_some_and(|old| !old.is_kept_by(&new));
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

    /// OpenID Connect Discovery 1.0 §4.3: the document's issuer must be the configured one.
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
        let (Some(own), Some(uri)) = (text("issuer"), text("jwks_uri")) else {
            return Err(FetchError::NoDiscovery);
        };
        if own != issuer {
            return Err(FetchError::Issuer {
                expected: issuer.clone(),
            });
        }
        let keys = Target::parse(keys_cluster, uri).map_err(FetchError::JwksUri)?;
        match target.scheme == "https" && keys.scheme != "https" {
            true => Err(FetchError::Downgrade),
            false => Ok(keys),
        }
    }
}

enum Read {
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
