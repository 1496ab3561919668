//! One short-lived token per person, over time: exchanged when it is first needed, one exchange at a
//! time for each person, renewed ahead of its end while the old one serves, bounded as a whole.
//!
//! Tokens are renewed on use, not by the clock: who is gone is not asked for again.

use super::exchange::{self, ExchangeError, Token, TokenExchange};
use super::polled::Generation;
use crate::fetch::callout::{Answer, Callout};
use crate::secret::Secret;
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Most that all entries of one credential may take, by [`weight`].
const MAX_WEIGHT: usize = 16 * 1024 * 1024;
/// What an entry takes beside its texts, roughly.
const ENTRY_WEIGHT: usize = 512;
/// A token is renewed so long before its end, or after three quarters of a shorter life.
const RENEW_AHEAD: Duration = Duration::from_secs(300);
/// It is not sent any more so long before its end, or in the last tenth of a shorter life.
const LAST_MOMENTS: Duration = Duration::from_secs(10);
/// From a failed exchange to the next for the same person, and from a token's issue to the moment when
/// it is given up because the upstream refuses it.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a person stays refused whom Hugging Face does not know: whoever has just been invited is
/// let in soon.
const REFUSED_FOR: Duration = Duration::from_secs(30);
/// How much longer than its timeout an exchange may take before it is given up as lost.
const GRACE: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// An exchanged credential over time.
#[derive(Debug)]
pub struct Exchanged {
    settings: TokenExchange,
    people: HashMap<Arc<str>, Person>,
    under_way: BTreeMap<ExchangeId, UnderWay>,
    /// From the least recent use to the most recent.
    by_use: BTreeMap<u64, Arc<str>>,
    uses: u64,
    exchanges: u64,
    weight: usize,
    evicted: usize,
    /// The last exchange failed.
    failing: bool,
    next_sweep: Timestamp,
}

/// Names one exchange, so that a late answer to an earlier one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeId(u64);

#[derive(Debug)]
struct UnderWay {
    subject: Arc<str>,
    started: Timestamp,
}

#[derive(Debug, Default)]
struct Person {
    held: Option<Held>,
    under_way: Option<ExchangeId>,
    refused_until: Option<Timestamp>,
    /// After a failure.
    pause_until: Option<Timestamp>,
    used: u64,
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

/// What there is for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Token(Secret, Generation),
    /// That exchange will tell.
    Coming(ExchangeId),
    /// Hugging Face has just said that there is no such member.
    NotAMember,
    /// The last exchange failed, a moment ago.
    Failed,
    /// As many exchanges are under way as tokens may be kept.
    Full,
}

/// An exchange to begin.
pub type Begun = (ExchangeId, Callout);

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeProgress {
    Renewed,
    NotAMember,
    /// `is_first`: the one before, for whomever, did not.
    Failed {
        error: ExchangeError,
        is_first: bool,
    },
    /// It came too late to matter.
    Late,
}

impl Exchanged {
    pub fn new(settings: TokenExchange, now: Timestamp) -> Self {
        Self {
            settings,
            people: HashMap::new(),
            under_way: BTreeMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            exchanges: 0,
            weight: 0,
            evicted: 0,
            failing: false,
            next_sweep: now.plus(SWEEP_EVERY),
        }
    }

    pub fn settings(&self) -> &TokenExchange {
        &self.settings
    }

    /// What there is for that person, and an exchange to begin for it.
    pub fn find(&mut self, subject: &Arc<str>, now: Timestamp) -> (Found, Option<Begun>) {
        if !self.people.contains_key(subject) && !self.make_room() {
            return (Found::Full, None);
        }
        self.touch(subject);
        self.give_up_lost(subject, now);
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
            (None, None) if in_time(person.refused_until) => (Found::NotAMember, None),
            (None, None) if !may_begin => (Found::Failed, None),
            (None, None) => {
                let begun = self.begin(subject, now);
                (Found::Coming(begun.0), Some(begun))
            }
        }
    }

    /// The upstream has refused that token of the person's: it is not sent again, unless it has only
    /// just been issued, when another one would fare no better.
    pub fn rejected(&mut self, subject: &str, used: Generation, now: Timestamp) {
        if let Some(person) = self.people.get_mut(subject) {
            person
                .held
                .take_if(|held| held.generation == used && now.since(held.issued) >= PAUSE);
        }
    }

    /// Takes in the answer to an exchange.
    pub fn answered(
        &mut self,
        exchange: ExchangeId,
        answer: &Answer,
        now: Timestamp,
    ) -> ExchangeProgress {
        let Some(UnderWay { subject, started }) = self.under_way.remove(&exchange) else {
            return ExchangeProgress::Late;
        };
        let read = exchange::read(answer);
        let Some(person) = self.people.get_mut(&subject) else {
            return ExchangeProgress::Late;
        };
        person.under_way = None;
        let was_failing = std::mem::replace(&mut self.failing, false);
        match read {
            Ok(token) => {
                person.refused_until = None;
                person.held = Some(Held::new(token, exchange.0, started));
                self.weigh(&subject);
                while self.weight > MAX_WEIGHT && self.evict() {}
                ExchangeProgress::Renewed
            }
            Err(ExchangeError::NotAMember) => {
                // Not a member any more: what was issued before must not outlive that.
                person.held = None;
                person.refused_until = Some(now.plus(REFUSED_FOR));
                ExchangeProgress::NotAMember
            }
            Err(error) => {
                person.pause_until = Some(now.plus(PAUSE.max(error.pause())));
                self.failing = true;
                let is_first = !was_failing;
                ExchangeProgress::Failed { error, is_first }
            }
        }
    }

    /// Forgets who has nothing that still counts. On every tick; it does so once in a while.
    pub fn sweep(&mut self, now: Timestamp) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now.plus(SWEEP_EVERY);
        let subjects: Vec<Arc<str>> = self.people.keys().cloned().collect();
        for subject in subjects {
            self.give_up_lost(&subject, now);
            let idle = self.people.get(&subject).is_some_and(|person| {
                let over = |moment: Option<Timestamp>| moment.is_none_or(|moment| now >= moment);
                let held = person.held.as_ref().map(|held| held.ends);
                let times = [held, person.refused_until, person.pause_until];
                person.under_way.is_none() && times.into_iter().all(over)
            });
            if idle {
                self.forget(&subject);
            }
        }
    }

    /// How many had to make room for others since last asked.
    pub fn take_evicted(&mut self) -> usize {
        std::mem::take(&mut self.evicted)
    }

    fn begin(&mut self, subject: &Arc<str>, now: Timestamp) -> Begun {
        self.exchanges += 1;
        let exchange = ExchangeId(self.exchanges);
        let under_way = UnderWay {
            subject: subject.clone(),
            started: now,
        };
        self.under_way.insert(exchange, under_way);
        if let Some(person) = self.people.get_mut(subject) {
            person.under_way = Some(exchange);
        }
        (exchange, self.settings.callout(subject))
    }

    fn give_up_lost(&mut self, subject: &str, now: Timestamp) {
        let Some(person) = self.people.get_mut(subject) else {
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
            person.pause_until = Some(now.plus(PAUSE));
        }
    }

    /// Makes room for one more. False: all who are here are being waited for.
    fn make_room(&mut self) -> bool {
        while self.people.len() >= self.settings.entries || self.weight > MAX_WEIGHT {
            if !self.evict() {
                return false;
            }
        }
        true
    }

    fn evict(&mut self) -> bool {
        let is_idle = |subject: &&Arc<str>| {
            let person = self.people.get(*subject);
            person.is_none_or(|person| person.under_way.is_none())
        };
        let Some(subject) = self.by_use.values().find(is_idle).cloned() else {
            return false;
        };
        self.forget(&subject);
        self.evicted += 1;
        true
    }

    fn forget(&mut self, subject: &str) {
        if let Some(person) = self.people.remove(subject) {
            self.by_use.remove(&person.used);
            self.weight -= person.weight;
        }
    }

    /// Notes a use, of whom was not here before too.
    fn touch(&mut self, subject: &Arc<str>) {
        self.uses += 1;
        let is_new = !self.people.contains_key(subject);
        let person = self.people.entry(subject.clone()).or_default();
        self.by_use.remove(&person.used);
        person.used = self.uses;
        self.by_use.insert(self.uses, subject.clone());
        if is_new {
            self.weigh(subject);
        }
    }

    fn weigh(&mut self, subject: &str) {
        if let Some(person) = self.people.get_mut(subject) {
            let value = person.held.as_ref().map(|held| held.value.expose().len());
            let weight = ENTRY_WEIGHT + 2 * subject.len() + value.unwrap_or_default();
            self.weight = self.weight - person.weight + weight;
            person.weight = weight;
        }
    }
}

impl Held {
    /// Times count from the question, not from the answer.
    fn new(token: Token, generation: Generation, asked: Timestamp) -> Self {
        let Token { value, lifetime } = token;
        let until = |before: Duration| asked.plus(lifetime.saturating_sub(before));
        Self {
            value,
            generation,
            issued: asked,
            renew: until(RENEW_AHEAD.min(lifetime / 4)),
            ends: until(LAST_MOMENTS.min(lifetime / 10)),
        }
    }
}

#[cfg(test)]
mod tests;
