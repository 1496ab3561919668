//! Groups of callers whose tokens leave them out because there are too many ("groups overage"):
//! looked up in Microsoft Graph, never at the address that the token names. Without I/O, like the
//! keys: calls go out as values, answers come in as values.
//!
//! One look-up a caller at a time, a bounded number at once; what was found serves for `ttl`. While
//! Graph fails or asks to be left alone nobody is looked up, with growing pauses.

pub mod graph;
mod memory;

use crate::decision::GroupsUnavailable;
use crate::fetch::callout::{Answer, Callout, CalloutError, Target};
use crate::policy::membership::Membership;
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;
use crate::token::claims::Claims;
use graph::{GraphError, Subject};
use memory::Memory;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where an issuer's callers are looked up: the compiled form of `groups_overage.graph`.
#[derive(Clone, Debug)]
pub struct Source {
    /// Graph's address with its version.
    pub graph: Target,
    /// How long an answer serves.
    pub ttl: Duration,
    /// How long one call may take.
    pub timeout: Duration,
    pub auth: Auth,
}

/// Most groups that rules may name: twenty calls a caller.
pub const MOST_GROUPS: usize = 20 * graph::MOST_GROUPS;
/// Look-ups under way at once.
const MOST_AT_ONCE: usize = 16;
/// Look-ups that wait for their turn.
const MOST_QUEUED: usize = 1024;
/// The first pause when Graph fails; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a caller whom Graph does not know is not asked for again.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);
/// How much longer than `timeout` a call may take before it is given up as lost.
const GRACE: Duration = Duration::from_secs(5);

/// The look-ups of one issuer.
#[derive(Debug)]
pub struct Lookups {
    source: Source,
    groups: Arc<[String]>,
    memory: Memory,
    /// In order of arrival.
    open: BTreeMap<LookupId, Lookup>,
    next: LookupId,
    failures: u32,
    /// Nothing is asked before.
    not_before: Timestamp,
}

/// Names a look-up while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupId(u64);

#[derive(Debug)]
struct Lookup {
    subject: Subject,
    /// `None` while it waits for its turn.
    flight: Option<Flight>,
}

#[derive(Debug)]
struct Flight {
    started: Timestamp,
    /// Calls whose answers are still to come, by their number.
    missing: Vec<usize>,
    held: Vec<String>,
}

/// A call of a look-up, still to be authorized.
#[derive(Debug)]
pub struct Question {
    pub id: LookupId,
    /// Which of its calls.
    pub part: usize,
    pub callout: Callout,
}

/// What is known of a caller's groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Known(Arc<Membership>),
    /// The answer is on its way, or will be in time.
    Coming(LookupId),
    Lacking(GroupsUnavailable),
}

/// What an answer changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// One of a look-up's answers; others are missing.
    Partly,
    /// That caller's groups are known; `evicted`: another's had to make room.
    Found { evicted: bool },
    /// That caller is unknown to Graph.
    Unknown,
    /// Graph fails. Those look-ups, not yet begun, are given up too.
    Failed {
        error: GraphError,
        given_up: Vec<LookupId>,
    },
    /// It came too late to matter.
    Late,
}

impl Lookups {
    /// `groups`: those that rules name, as GUIDs in lower case.
    pub fn new(source: Source, groups: Vec<String>, now: Timestamp) -> Self {
        Self {
            source,
            groups: groups.into(),
            memory: Memory::default(),
            open: BTreeMap::new(),
            next: LookupId(0),
            failures: 0,
            not_before: now,
        }
    }

    /// How its calls authenticate.
    pub fn auth(&self) -> &Auth {
        &self.source.auth
    }

    /// What is known of a caller, without asking for more.
    pub fn recall(&self, caller: &Claims, now: Timestamp) -> Option<Arc<Membership>> {
        let subject = Subject::of(caller)?;
        self.memory.find(&subject.object, now)?.ok()
    }

    /// The same, and has the caller looked up if an answer can be hoped for by then.
    pub fn ask(&mut self, caller: &Claims, by: Timestamp, now: Timestamp) -> Standing {
        let Some(subject) = Subject::of(caller) else {
            return Standing::Lacking(GroupsUnavailable::UnknownCaller);
        };
        match self.memory.find(&subject.object, now) {
            Some(Ok(membership)) => return Standing::Known(membership),
            Some(Err(lack)) => return Standing::Lacking(lack),
            None => {}
        }
        let is_it = |lookup: &Lookup| lookup.subject.object == subject.object;
        let open = self.open.iter().find(|(_, lookup)| is_it(lookup));
        match open {
            Some((
                id,
                Lookup {
                    flight: Some(_), ..
                },
            )) => Standing::Coming(*id),
            _ if by < self.not_before => Standing::Lacking(GroupsUnavailable::Failing),
            Some((id, _)) => Standing::Coming(*id),
            None if self.open.len() >= MOST_QUEUED => {
                Standing::Lacking(GroupsUnavailable::TooManyWaiting)
            }
            None => {
                let id = self.next;
                self.next = LookupId(id.0.wrapping_add(1));
                let flight = None;
                self.open.insert(id, Lookup { subject, flight });
                Standing::Coming(id)
            }
        }
    }

    /// To be asked on every tick: the calls to begin now.
    pub fn due(&mut self, now: Timestamp) -> Vec<Question> {
        self.give_up_lost(now);
        if now < self.not_before {
            return Vec::new();
        }
        let mut questions = Vec::new();
        let under_way = self.open.values().filter(|lookup| lookup.flight.is_some());
        let free = MOST_AT_ONCE.saturating_sub(under_way.count());
        let waiting = self
            .open
            .iter_mut()
            .filter(|(_, lookup)| lookup.flight.is_none());
        for (id, lookup) in waiting.take(free) {
            let Source { graph, timeout, .. } = &self.source;
            let parts = self.groups.chunks(graph::MOST_GROUPS).enumerate();
            questions.extend(parts.map(|(part, groups)| Question {
                id: *id,
                part,
                callout: graph::question(graph, &lookup.subject, groups, *timeout),
            }));
            lookup.flight = Some(Flight {
                started: now,
                missing: (0..self.groups.len().div_ceil(graph::MOST_GROUPS)).collect(),
                held: Vec::new(),
            });
        }
        questions
    }

    /// Takes in the answer to a call. A look-up whose answers are not all good tells nothing.
    pub fn answered(
        &mut self,
        id: LookupId,
        part: usize,
        answer: Answer,
        now: Timestamp,
    ) -> Progress {
        let flight = self
            .open
            .get_mut(&id)
            .and_then(|lookup| lookup.flight.as_mut());
        let Some(flight) = flight.filter(|flight| flight.missing.contains(&part)) else {
            return Progress::Late;
        };
        match graph::read(answer) {
            Ok(held) => {
                flight.held.extend(held);
                flight.missing.retain(|missing| *missing != part);
                match flight.missing.is_empty() {
                    true => self.found(id, now),
                    false => Progress::Partly,
                }
            }
            Err(GraphError::UnknownCaller) => {
                self.failures = 0;
                if let Some(lookup) = self.open.remove(&id) {
                    let known = Err(GroupsUnavailable::UnknownCaller);
                    self.memory
                        .keep(lookup.subject.object, known, UNKNOWN_FOR, now);
                }
                Progress::Unknown
            }
            Err(error) => {
                self.open.remove(&id);
                let given_up = self.pause(&error, now);
                Progress::Failed { error, given_up }
            }
        }
    }

    fn found(&mut self, id: LookupId, now: Timestamp) -> Progress {
        self.failures = 0;
        let Some(lookup) = self.open.remove(&id) else {
            return Progress::Late;
        };
        let held = lookup.flight.map(|flight| flight.held).unwrap_or_default();
        let known = Ok(Arc::new(Membership::new(self.groups.clone(), held)));
        let evicted = self
            .memory
            .keep(lookup.subject.object, known, self.source.ttl, now);
        Progress::Found { evicted }
    }

    /// Leaves Graph alone for a while. Who waits for a turn is to ask again, or to give up.
    fn pause(&mut self, error: &GraphError, now: Timestamp) -> Vec<LookupId> {
        let pause = match error {
            // Graph itself was not asked.
            GraphError::Callout(CalloutError::NoToken) => FIRST_PAUSE,
            error => {
                let asked_for = match error {
                    GraphError::Callout(error) => error.pause(),
                    _ => Duration::ZERO,
                };
                let doublings = self.failures.min(16);
                self.failures = self.failures.saturating_add(1);
                let own = FIRST_PAUSE.saturating_mul(1 << doublings);
                own.min(LONGEST_PAUSE).max(asked_for)
            }
        };
        self.not_before = self.not_before.max(now.plus(pause));
        let waiting = self
            .open
            .iter()
            .filter(|(_, lookup)| lookup.flight.is_none());
        let waiting: Vec<LookupId> = waiting.map(|(id, _)| *id).collect();
        self.open.retain(|_, lookup| lookup.flight.is_some());
        waiting
    }

    /// Who waited for a lost answer has given up long ago.
    fn give_up_lost(&mut self, now: Timestamp) {
        let budget = self.source.timeout.saturating_add(GRACE);
        self.open.retain(|_, lookup| {
            let started = lookup.flight.as_ref().map(|flight| flight.started);
            started.is_none_or(|started| now.since(started) <= budget)
        });
    }
}

#[cfg(test)]
mod tests;
