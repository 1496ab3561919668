//! What the streams have revoked, and the SETs that were received. Kept in a file, which is replaced as a whole before a
//! SET is acknowledged.

mod account;
mod file;

use super::event::Effect;
use super::set::Received;
use super::subject::{Principal, Subject};
use super::subjects::object;
use account::Account;
use entragate::time::Timestamp;
use file::StateFile;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::Path;
use std::time::Duration;

/// The most accounts, sessions and tokens of all streams: about as many as a feed of 1 MiB has room for.
const MAX_ENTRIES: usize = 20_000;
/// The SETs of a stream that are remembered; the oldest are forgotten.
const MAX_SEEN: usize = 10_000;
const ALMOST_A_SECOND: Duration = Duration::from_millis(999);

/// The state of all streams.
#[derive(Debug)]
pub struct Ledger {
    file: StateFile,
    state: State,
    /// The longest life of a token.
    token_life: Duration,
    /// Grows with every change.
    version: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    streams: BTreeMap<String, StreamState>,
}

/// An event changes only what its own stream has revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamState {
    /// Accounts whose name may be the caller's object.
    objects: BTreeMap<String, Account>,
    /// Accounts with another name, such as an email address.
    others: BTreeMap<String, Account>,
    /// Sessions and tokens, with the time of receipt in seconds since 1970.
    sessions: BTreeMap<String, u64>,
    tokens: BTreeMap<String, u64>,
    /// The `jti` of the SETs received, oldest first.
    seen: VecDeque<String>,
    /// When the transmitter has paused or disabled the stream, in seconds since 1970.
    suspended: Option<u64>,
    /// The stream was enabled then. Kept so that an older event does not suspend it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<u64>,
}

/// A verified SET.
pub struct Verified {
    pub id: String,
    pub received: Received,
}

/// What happened to the events of a delivery.
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
    /// The number of revoked accounts whose object is not known.
    pub unnamed: usize,
}

impl Ledger {
    /// Opens the state file, which is created if it does not exist, and keeps other processes from it.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn open(path: &Path, streams: &[String], token_life: Duration) -> Result<Self, String> {
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
            token_life,
            version,
        })
    }

    /// Applies the SETs of a delivery, and returns after the result is in the file. `has_session_ids`: the stream's
    /// sessions are those of the tokens.
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
        // A delivery is not in the order of the events. Of several at one time, those that end access come last.
        let restores = |effect: &Effect| {
            matches!(
                effect,
                Effect::Enable(_) | Effect::Stream { suspended: false }
            )
        };
        events.sort_by_key(|(at, _, event)| (*at, !restores(&event.effect)));
        for (at, sent, event) in events {
            let times = Times {
                event: at.as_secs(),
                // A token of the same second may be older.
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
        next.expire(now.minus(self.token_life).as_secs());
        if next.len() > MAX_ENTRIES {
            return Err(format!(
                "more than {MAX_ENTRIES} accounts, sessions and tokens are revoked; no event is acknowledged until \
                 there are fewer"
            ));
        }
        if next != self.state {
            self.file.write(&next)?;
            self.state = next;
            self.version += 1;
        }
        Ok(outcome)
    }

    /// Returns a number that grows with every change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Reports whether the transmitter has said that the stream does not send events.
    pub fn is_suspended(&self, stream: &str) -> bool {
        let own = self.state.streams.get(stream);
        own.is_some_and(|own| own.suspended.is_some())
    }

    /// Returns what is revoked. `subjects` has the objects of accounts by the names that transmitters use.
    pub fn revoked(&self, subjects: &BTreeMap<String, String>, now: Timestamp) -> Revoked {
        let mut state = self.state.clone();
        state.expire(now.minus(self.token_life).as_secs());
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

/// Times in seconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    /// When the event happened, rounded down, and rounded up.
    event: u64,
    end: u64,
    sent: u64,
    /// From then on, a session, a token or a purged account is listed for the life of a token: transmitters may tell
    /// the event late.
    received: u64,
}

enum Change {
    Applied,
    Ignored,
    Unmatched,
}

impl State {
    fn len(&self) -> usize {
        let lens = self.streams.values().map(|own| {
            own.objects.len() + own.others.len() + own.sessions.len() + own.tokens.len()
        });
        lens.sum()
    }

    /// Removes what concerns only tokens that have expired: those issued before `end`.
    fn expire(&mut self, end: u64) {
        for own in self.streams.values_mut() {
            for accounts in [&mut own.objects, &mut own.others] {
                accounts.retain(|_, account| account.expire(end));
            }
            own.sessions.retain(|_, at| *at >= end);
            own.tokens.retain(|_, at| *at >= end);
        }
    }
}

impl StreamState {
    fn change(&mut self, effect: &Effect, at: Times, has_session_ids: bool) -> Change {
        if *effect != (Effect::Stream { suspended: true }) {
            self.note_enabled(at.sent, *effect == (Effect::Stream { suspended: false }));
        }
        match effect {
            Effect::Nothing => Change::Ignored,
            Effect::Stream { suspended } => {
                if *suspended && self.enabled.is_none_or(|enabled| enabled <= at.sent) {
                    self.suspended = self.suspended.max(Some(at.sent));
                }
                Change::Applied
            }
            Effect::Disable(subject) => self.accounts(subject, |account| account.disable(at.event)),
            Effect::Enable(subject) => self.accounts(subject, |account| account.enable(at.event)),
            Effect::Purge(subject) => self.accounts(subject, |account| account.purge(at.received)),
            Effect::EndTokens(subject) => self.end_tokens(subject, at, has_session_ids),
        }
    }

    /// Notes that the stream was enabled at a time. A suspended stream sends no other event, and only a change by the transmitter
    /// itself is reported, so any later event shows it. `is_reported`: the transmitter says so.
    fn note_enabled(&mut self, at: u64, is_reported: bool) {
        self.enabled = self.enabled.max(Some(at));
        let ends = |since: u64| since < at || is_reported && since == at;
        self.suspended = self.suspended.filter(|since| !ends(*since));
    }

    fn accounts(&mut self, subject: &Subject, change: impl Fn(&mut Account)) -> Change {
        for Principal { name, is_object } in &subject.principals {
            let accounts = if *is_object {
                &mut self.objects
            } else {
                &mut self.others
            };
            change(accounts.entry(name.clone()).or_default());
        }
        if subject.principals.is_empty() {
            Change::Unmatched
        } else {
            Change::Applied
        }
    }

    /// Ends the tokens of the session if its id is that of tokens, otherwise all tokens of the account.
    fn end_tokens(&mut self, subject: &Subject, at: Times, has_session_ids: bool) -> Change {
        let sessions = subject.sessions.iter().filter(|_| has_session_ids);
        let latest = |ends: &mut BTreeMap<String, u64>, id: &String| {
            let end = ends.entry(id.clone()).or_default();
            *end = at.received.max(*end);
        };
        let mut is_precise = false;
        for id in sessions {
            latest(&mut self.sessions, id);
            is_precise = true;
        }
        for id in &subject.tokens {
            latest(&mut self.tokens, id);
            is_precise = true;
        }
        // An opaque identifier may be that of an account as well.
        if is_precise && !subject.is_opaque {
            return Change::Applied;
        }
        match self.accounts(subject, |account| account.end_tokens(at.end)) {
            Change::Unmatched if is_precise => Change::Applied,
            change => change,
        }
    }
}
