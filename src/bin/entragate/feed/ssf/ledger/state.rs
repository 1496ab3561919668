//! The state of all streams: how events change it, and which parts are removed when the tokens that they concern have
//! expired.

use super::super::event::{Effect, StreamStatus};
use super::super::subject::{Principal, Subject};
use super::Lives;
use super::account::Account;
use entragate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub streams: BTreeMap<String, StreamState>,
}

/// An event changes only the revocations of its own stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamState {
    /// Accounts whose name may be the caller's object id.
    pub objects: BTreeMap<String, Account>,
    /// Accounts with another name, such as an email address.
    pub others: BTreeMap<String, Account>,
    /// Sessions and tokens, with the time of receipt in seconds since 1970.
    pub sessions: BTreeMap<String, u64>,
    pub tokens: BTreeMap<String, u64>,
    /// The `jti` of the SETs received, oldest first.
    pub seen: VecDeque<String>,
    /// When the transmitter has paused or disabled the stream, in seconds since 1970.
    pub suspended: Option<u64>,
    /// When the stream was enabled. Kept so that an older event does not suspend it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<u64>,
    /// When the stream was disabled, so that events are lost. Kept until the operator confirms the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<u64>,
}

/// Times in seconds since 1970.
#[derive(Clone, Copy)]
pub struct Times {
    /// When the event happened, rounded down, and rounded up.
    pub event: u64,
    pub end: u64,
    pub sent: u64,
    /// The start of the time for which a session, a token or a purged account is listed, which is the lifetime of a
    /// token: transmitters may report the event late.
    pub received: u64,
}

pub enum Change {
    Applied,
    Ignored,
    Unmatched,
}

impl State {
    pub fn len(&self) -> usize {
        let lens = self.streams.values().map(|own| {
            own.objects.len() + own.others.len() + own.sessions.len() + own.tokens.len()
        });
        lens.sum()
    }

    /// Removes the parts that concern only expired tokens.
    pub fn expire(&mut self, lives: &Lives, now: Timestamp) {
        let end = now.minus(lives.token).as_secs();
        for (name, own) in &mut self.streams {
            let gets_no_tokens = lives.issuing.contains(name);
            for accounts in [&mut own.objects, &mut own.others] {
                accounts.retain(|_, account| account.expire(end, gets_no_tokens));
            }
            own.sessions.retain(|_, at| *at >= end);
            own.tokens.retain(|_, at| *at >= end);
        }
    }
}

impl StreamState {
    pub fn change(&mut self, effect: &Effect, at: Times, has_session_ids: bool) -> Change {
        if let Effect::Stream(status) = effect {
            self.set_status(*status, at.sent);
        } else {
            self.note_enabled(at.sent, false);
        }
        match effect {
            Effect::Nothing => Change::Ignored,
            Effect::Stream(_) => Change::Applied,
            Effect::Disable(subject) => self.accounts(subject, |account| {
                account.disable(at.event, at.received);
            }),
            Effect::Enable(subject) => self.accounts(subject, |account| account.enable(at.event)),
            Effect::Purge(subject) => self.accounts(subject, |account| account.purge(at.received)),
            Effect::EndTokens(subject) => self.end_tokens(subject, at, has_session_ids),
        }
    }

    fn set_status(&mut self, status: StreamStatus, at: u64) {
        match status {
            StreamStatus::Enabled => self.note_enabled(at, true),
            StreamStatus::Paused | StreamStatus::Disabled => {
                if self.enabled.is_none_or(|enabled| enabled <= at) {
                    self.suspended = self.suspended.max(Some(at));
                }
            }
        }
        // Even if it is enabled again, the events in between are lost.
        if status == StreamStatus::Disabled {
            self.gap = self.gap.max(Some(at));
        }
    }

    /// Notes that the stream was enabled at a time. A suspended stream sends no other events, and a transmitter reports
    /// only changes that it makes itself, so any later event shows that the stream is enabled. `is_reported`: the
    /// transmitter has reported it.
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

    /// Revokes the tokens of the session if tokens contain its id, otherwise all tokens of the account.
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
        // An opaque identifier may also be that of an account.
        if is_precise && !subject.is_opaque && !subject.is_session_unclear {
            return Change::Applied;
        }
        match self.accounts(subject, |account| account.end_tokens(at.end)) {
            Change::Unmatched if is_precise => Change::Applied,
            change => change,
        }
    }
}
