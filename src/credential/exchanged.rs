//! The short-lived tokens of one exchanged credential, one per person. A token is exchanged on
//! first use, with at most one exchange at a time per person, and renewed before it expires while
//! the old token is still used. The memory for all tokens is bounded.
//!
//! Tokens are renewed on use, not by a timer, so that inactive people cause no exchanges.

use super::exchange::{self, ExchangeError, Token, TokenExchange};
use super::polled::Generation;
use crate::fetch::callout::{Answer, Callout};
use crate::secret::Secret;
use crate::time::Timestamp;
use lru::LruCache;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of bytes of all entries of one credential, by [`weight`].
const MAX_WEIGHT: usize = 16 * 1024 * 1024;
/// Approximate size of an entry without its strings, in bytes.
const ENTRY_WEIGHT: usize = 512;
/// Time before the expiry at which a token is renewed. A shorter-lived token is renewed after three
/// quarters of its lifetime.
const RENEW_BEFORE_EXPIRY: Duration = Duration::from_secs(300);
/// A token is no longer sent when less than this time remains before its expiry. A shorter-lived token is not sent
/// in the last tenth of its lifetime.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);
/// Pause between a failed exchange and the next one for the same person. Also the minimum age of a
/// token to be dropped when the upstream rejects it.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// How long a person who is unknown to Hugging Face is denied without another exchange. Short, so that a new member is
/// permitted soon.
const NOT_A_MEMBER_FOR: Duration = Duration::from_secs(30);
/// The time after the timeout at which an exchange without an answer counts as lost.
const GRACE: Duration = Duration::from_secs(5);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// An exchanged credential with its tokens.
#[derive(Debug)]
pub struct Exchanged {
    settings: TokenExchange,
    people: LruCache<Arc<str>, Person>,
    under_way: BTreeMap<ExchangeId, Running>,
    exchanges: u64,
    weight: usize,
    evicted: usize,
    /// The last exchange failed.
    failing: bool,
    next_sweep: Timestamp,
}

/// Identifies an exchange, so that a late answer to an earlier exchange is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeId(u64);

#[derive(Debug)]
struct Running {
    subject: Arc<str>,
    started: Timestamp,
}

#[derive(Debug, Default)]
struct Person {
    held: Option<Held>,
    under_way: Option<ExchangeId>,
    not_a_member_until: Option<Timestamp>,
    /// Set after a failure.
    pause_until: Option<Timestamp>,
    weight: usize,
}

#[derive(Debug)]
struct Held {
    value: Secret,
    generation: Generation,
    issued: Timestamp,
    renew: Timestamp,
    ends: Timestamp,
}

/// The result of a lookup for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Token(Secret, Generation),
    /// An exchange is running.
    Coming(ExchangeId),
    /// Hugging Face has recently answered that the person is not a member.
    NotAMember,
    /// The last exchange failed recently.
    Failed,
    /// The number of running exchanges has reached the limit of tokens.
    Full,
}

/// An exchange to start.
pub type NewExchange = (ExchangeId, Callout);

/// The result of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeProgress {
    Renewed,
    NotAMember,
    /// `is_first`: the previous exchange, for any person, succeeded.
    Failed {
        error: ExchangeError,
        is_first: bool,
    },
    /// The answer is too late and is ignored.
    Late,
}

impl Exchanged {
    pub fn new(settings: TokenExchange, now: Timestamp) -> Self {
        Self {
            settings,
            people: LruCache::unbounded(),
            under_way: BTreeMap::new(),
            exchanges: 0,
            weight: 0,
            evicted: 0,
            failing: false,
            next_sweep: now.plus(SWEEP_INTERVAL),
        }
    }

    pub fn settings(&self) -> &TokenExchange {
        &self.settings
    }

    /// Returns the state of a person's token, and an exchange to start for it.
    pub fn find(&mut self, subject: &Arc<str>, now: Timestamp) -> (Found, Option<NewExchange>) {
        if !self.people.contains(subject) {
            if !self.make_room() {
                return (Found::Full, None);
            }
            self.people.put(subject.clone(), Person::default());
            self.weigh(subject);
        }
        self.drop_lost_exchange(subject, now);
        let Some(person) = self.people.get_mut(subject) else {
            return (Found::Full, None);
        };
        let in_time = |moment: Option<Timestamp>| moment.is_some_and(|moment| now < moment);
        person.held.take_if(|held| now >= held.ends);
        let may_begin = person.under_way.is_none() && !in_time(person.pause_until);
        match (&person.held, person.under_way) {
            (Some(held), _) => {
                let found = Found::Token(held.value.clone(), held.generation);
                let due = may_begin && now >= held.renew;
                (found, due.then(|| self.begin(subject, now)))
            }
            (None, Some(exchange)) => (Found::Coming(exchange), None),
            (None, None) if in_time(person.not_a_member_until) => (Found::NotAMember, None),
            (None, None) if !may_begin => (Found::Failed, None),
            (None, None) => {
                let new = self.begin(subject, now);
                (Found::Coming(new.0), Some(new))
            }
        }
    }

    /// Handles a token that the upstream rejected: it is not sent again, unless it was just issued,
    /// because a new token would most likely be rejected too.
    pub fn rejected(&mut self, subject: &str, used: Generation, now: Timestamp) {
        if let Some(person) = self.people.peek_mut(subject) {
            person
                .held
                .take_if(|held| held.generation == used && now.since(held.issued) >= RETRY_PAUSE);
        }
    }

    /// Processes the answer to an exchange.
    pub fn answered(
        &mut self,
        exchange: ExchangeId,
        answer: &Answer,
        now: Timestamp,
    ) -> ExchangeProgress {
        let Some(Running { subject, started }) = self.under_way.remove(&exchange) else {
            return ExchangeProgress::Late;
        };
        let read = exchange::read(answer);
        let Some(person) = self.people.peek_mut(&subject) else {
            return ExchangeProgress::Late;
        };
        person.under_way = None;
        let was_failing = std::mem::replace(&mut self.failing, false);
        match read {
            Ok(token) => {
                person.not_a_member_until = None;
                person.held = Some(Held::new(token, exchange.0, started));
                self.weigh(&subject);
                while self.weight > MAX_WEIGHT && self.evict() {}
                ExchangeProgress::Renewed
            }
            Err(ExchangeError::NotAMember) => {
                // The person is no longer a member, so an earlier token must not be used either.
                person.held = None;
                person.not_a_member_until = Some(now.plus(NOT_A_MEMBER_FOR));
                ExchangeProgress::NotAMember
            }
            Err(error) => {
                person.pause_until = Some(now.plus(RETRY_PAUSE.max(error.pause())));
                self.failing = true;
                let is_first = !was_failing;
                ExchangeProgress::Failed { error, is_first }
            }
        }
    }

    /// Removes people who have neither a valid token nor a pause nor a running exchange. Must be called on every tick,
    /// but does its work only from time to time.
    pub fn sweep(&mut self, now: Timestamp) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now.plus(SWEEP_INTERVAL);
        let subjects = self.people.iter().map(|(subject, _)| subject.clone());
        let subjects: Vec<Arc<str>> = subjects.collect();
        for subject in subjects {
            self.drop_lost_exchange(&subject, now);
            let idle = self.people.peek(&subject).is_some_and(|person| {
                let over = |moment: Option<Timestamp>| moment.is_none_or(|moment| now >= moment);
                let held = person.held.as_ref().map(|held| held.ends);
                let times = [held, person.not_a_member_until, person.pause_until];
                person.under_way.is_none() && times.into_iter().all(over)
            });
            if idle {
                self.forget(&subject);
            }
        }
    }

    /// Returns the number of evicted people since the last call.
    pub fn take_evicted(&mut self) -> usize {
        std::mem::take(&mut self.evicted)
    }

    fn begin(&mut self, subject: &Arc<str>, now: Timestamp) -> NewExchange {
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges);
        let under_way = Running {
            subject: subject.clone(),
            started: now,
        };
        self.under_way.insert(exchange, under_way);
        if let Some(person) = self.people.peek_mut(subject) {
            person.under_way = Some(exchange);
        }
        (exchange, self.settings.callout(subject))
    }

    fn drop_lost_exchange(&mut self, subject: &str, now: Timestamp) {
        let Some(person) = self.people.peek_mut(subject) else {
            return;
        };
        let budget = self.settings.timeout.saturating_add(GRACE);
        let lost = person.under_way.filter(|exchange| {
            let under_way = self.under_way.get(exchange);
            under_way.is_none_or(|under_way| now.since(under_way.started) > budget)
        });
        if let Some(exchange) = lost {
            self.under_way.remove(&exchange);
            person.under_way = None;
            person.pause_until = Some(now.plus(RETRY_PAUSE));
        }
    }

    /// Makes room for one more person. Returns false if an exchange is running for every person.
    fn make_room(&mut self) -> bool {
        while self.people.len() >= self.settings.entries || self.weight > MAX_WEIGHT {
            if !self.evict() {
                return false;
            }
        }
        true
    }

    fn evict(&mut self) -> bool {
        let mut by_use = self.people.iter().rev();
        let idle = by_use.find(|(_, person)| person.under_way.is_none());
        let Some(subject) = idle.map(|(subject, _)| subject.clone()) else {
            return false;
        };
        self.forget(&subject);
        self.evicted += 1;
        true
    }

    fn forget(&mut self, subject: &str) {
        if let Some(person) = self.people.pop(subject) {
            self.weight -= person.weight;
        }
    }

    fn weigh(&mut self, subject: &str) {
        if let Some(person) = self.people.peek_mut(subject) {
            let value = person.held.as_ref().map(|held| held.value.expose().len());
            let weight = ENTRY_WEIGHT + 2 * subject.len() + value.unwrap_or_default();
            self.weight = self.weight - person.weight + weight;
            person.weight = weight;
        }
    }
}

impl Held {
    /// The lifetime is counted from the request, not from the answer.
    fn new(token: Token, generation: Generation, requested: Timestamp) -> Self {
        let Token { value, lifetime } = token;
        let until = |before: Duration| requested.plus(lifetime.saturating_sub(before));
        Self {
            value,
            generation,
            issued: requested,
            renew: until(RENEW_BEFORE_EXPIRY.min(lifetime / 4)),
            ends: until(EXPIRY_MARGIN.min(lifetime / 10)),
        }
    }
}

#[cfg(test)]
mod tests;
