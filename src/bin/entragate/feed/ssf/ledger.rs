//! The ledger: the revocations of the streams, and the SETs that were received. It is kept in a file, which is replaced
//! as a whole before a SET is acknowledged.

mod account;
mod file;
mod state;

use super::event::{Effect, StreamStatus};
use super::set::Received;
use super::subjects::object;
use account::Account;
use entragate::time::Timestamp;
use file::StateFile;
use state::{Change, State, Times};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

/// The maximum number of accounts, sessions and tokens of all streams: about as many as fit into a feed of 1 MiB.
const MAX_ENTRIES: usize = 20_000;
/// The number of SETs that are remembered for each stream; the oldest are forgotten.
const MAX_SEEN: usize = 10_000;
const ALMOST_A_SECOND: Duration = Duration::from_millis(999);

/// The state of all streams.
#[derive(Debug)]
pub struct Ledger {
    file: StateFile,
    state: State,
    lives: Lives,
    /// Grows with every change.
    version: u64,
}

/// How long entries are kept.
#[derive(Clone, Debug)]
pub struct Lives {
    /// The maximum lifetime of a token.
    pub token: Duration,
    /// The streams whose disabled accounts get no new tokens. These accounts are kept only as long as a token can be
    /// valid.
    pub issuing: BTreeSet<String>,
}

/// Why a stream is not current although it can be polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The transmitter has reported that it does not send events.
    Suspended,
    /// The transmitter has dropped events while the stream was disabled.
    Gap,
}

/// A verified SET.
pub struct Verified {
    pub id: String,
    pub received: Received,
}

/// The result for the events of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub applied: Vec<&'static str>,
    pub ignored: Vec<&'static str>,
    pub unmatched: Vec<&'static str>,
    pub repeated: usize,
}

/// The members of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    pub objects: BTreeSet<String>,
    pub sessions: BTreeSet<String>,
    pub tokens: BTreeSet<String>,
    /// In seconds since 1970.
    pub not_before: BTreeMap<String, u64>,
    /// The number of revoked accounts whose object id is unknown.
    pub unnamed: usize,
}

impl Ledger {
    /// Opens the state file, or creates it if it does not exist, and locks it against other processes.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn open(path: &Path, streams: &[String], lives: Lives) -> Result<Self, String> {
        let file = StateFile::open(path)?;
        let mut state: State = file.read()?;
        // Dropping them would end revocations.
        if let Some(other) = state.streams.keys().find(|name| !streams.contains(name)) {
            return Err(format!(
                "{}: contains the state of the stream \"{other}\", which is not configured; configure it, or remove \
                 its member and with it what it has revoked",
                path.display()
            ));
        }
        for name in streams {
            state.streams.entry(name.clone()).or_default();
        }
        file.write(&state)?;
        let version = 0;
        Ok(Self {
            file,
            state,
            lives,
            version,
        })
    }

    /// Applies the SETs of a delivery, and returns when the result is in the file. `has_session_ids`: the stream's
    /// session ids are those in the tokens.
    ///
    /// # Errors
    /// A text for the operator. Nothing is changed.
    pub fn apply(
        &mut self,
        stream: &str,
        sets: Vec<Verified>,
        has_session_ids: bool,
        now: Timestamp,
    ) -> Result<Outcome, String> {
        let mut next = self.state.clone();
        let mut outcome = Outcome::default();
        let own = next.streams.entry(stream.to_owned()).or_default();
        let mut seen: HashSet<String> = own.seen.iter().cloned().collect();
        let mut events = Vec::new();
        for Verified { id, received } in sets {
            if !seen.insert(id.clone()) {
                outcome.repeated += 1;
                continue;
            }
            own.seen.push_back(id);
            let timed = received.events.into_iter().map(|event| {
                let at = event.at.unwrap_or(received.at).min(now);
                (at, received.at, event)
            });
            events.extend(timed);
        }
        let forgotten = own.seen.len().saturating_sub(MAX_SEEN);
        own.seen.drain(..forgotten);
        // A delivery is not ordered by the time of events. Of events at the same time, those that end access are
        // applied last.
        let restores = |effect: &Effect| {
            matches!(
                effect,
                Effect::Enable(_) | Effect::Stream(StreamStatus::Enabled)
            )
        };
        events.sort_by_key(|(at, _, event)| (*at, !restores(&event.effect)));
        for (at, sent, event) in events {
            let times = Times {
                event: at.as_secs(),
                // A token that was issued in the same second may be older.
                end: at.plus(ALMOST_A_SECOND).as_secs(),
                sent: sent.as_secs(),
                received: now.as_secs(),
            };
            let names = match own.change(&event.effect, times, has_session_ids) {
                Change::Applied => &mut outcome.applied,
                Change::Ignored => &mut outcome.ignored,
                Change::Unmatched => &mut outcome.unmatched,
            };
            names.push(event.name);
        }
        next.expire(&self.lives, now);
        if next.len() > MAX_ENTRIES {
            return Err(format!(
                "more than {MAX_ENTRIES} accounts, sessions and tokens are revoked; no event is acknowledged until \
                 there are fewer"
            ));
        }
        self.replace(next)?;
        Ok(outcome)
    }

    /// Records that the operator has dealt with the events that were lost while the stream was disabled.
    ///
    /// # Errors
    /// A text for the operator. Nothing is changed.
    pub fn resume(&mut self, stream: &str) -> Result<(), String> {
        let mut next = self.state.clone();
        let own = next.streams.get_mut(stream);
        let own = own.ok_or_else(|| format!("no stream has the name \"{stream}\""))?;
        if own.suspended.is_some() {
            return Err(format!(
                "the transmitter has not enabled the stream {stream} yet, so further events may be lost; enable it there, \
                 start without --resume, and wait until the stream is reported as enabled"
            ));
        }
        own.gap = None;
        self.replace(next)
    }

    fn replace(&mut self, next: State) -> Result<(), String> {
        if next != self.state {
            self.file.write(&next)?;
            self.state = next;
            self.version += 1;
        }
        Ok(())
    }

    /// Returns a number that grows with every change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Returns the number of accounts, sessions and tokens, and its limit.
    pub fn size(&self) -> (usize, usize) {
        (self.state.len(), MAX_ENTRIES)
    }

    /// Returns why events of the stream are missing; `None` if none are.
    pub fn interruption(&self, stream: &str) -> Option<Interruption> {
        let own = self.state.streams.get(stream)?;
        match (own.suspended, own.gap) {
            (Some(_), _) => Some(Interruption::Suspended),
            (None, Some(_)) => Some(Interruption::Gap),
            (None, None) => None,
        }
    }

    /// Returns the revocations. `subjects` maps the names of accounts at transmitters to object ids.
    pub fn revoked(&self, subjects: &BTreeMap<String, String>, now: Timestamp) -> Revoked {
        let mut state = self.state.clone();
        state.expire(&self.lives, now);
        let mut revoked = Revoked::default();
        for own in state.streams.into_values() {
            for (name, account) in own.objects {
                let object = object(subjects, &name).unwrap_or(&name).clone();
                revoked.add(object, &account);
            }
            for (name, account) in own.others {
                match object(subjects, &name) {
                    Some(object) => revoked.add(object.clone(), &account),
                    None => revoked.unnamed += usize::from(account.is_revoked()),
                }
            }
            revoked.sessions.extend(own.sessions.into_keys());
            revoked.tokens.extend(own.tokens.into_keys());
        }
        revoked
    }
}

impl Revoked {
    fn add(&mut self, object: String, account: &Account) {
        if let Some(from) = account.not_before {
            let limit = self.not_before.entry(object.clone()).or_insert(from);
            *limit = from.max(*limit);
        }
        if account.disabled.is_some() || account.purged.is_some() {
            self.objects.insert(object);
        }
    }
}
