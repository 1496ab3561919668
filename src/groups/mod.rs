//! Group lookups in Microsoft Graph for callers whose tokens omit their groups because there are
//! too many ("groups overage"). The address in the token is never used. This is a state machine without I/O: calls and
//! answers are values.
//!
//! Each caller has at most one lookup at a time, and the number of concurrent lookups is bounded. A
//! result is used for `ttl`. While Graph fails or requests a pause, no lookup starts; the pauses become longer.

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

/// The settings for lookups of an issuer's callers: the compiled form of `groups_overage.graph`.
#[derive(Clone, Debug)]
pub struct Source {
    /// The address of Graph, including the version.
    pub graph: Target,
    /// How long an answer is used.
    pub ttl: Duration,
    /// Timeout of one call.
    pub timeout: Duration,
    pub auth: Auth,
}

/// Maximum number of groups that rules may name: twenty calls per caller.
pub const MOST_GROUPS: usize = 20 * graph::MOST_GROUPS;
/// Maximum number of concurrent lookups.
const MAX_CONCURRENT: usize = 16;
/// Maximum number of lookups in the queue.
const MAX_QUEUED: usize = 1024;
/// The first pause after Graph fails. It doubles up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The time after which a caller that Graph does not know is looked up again.
const UNKNOWN_CALLER_FOR: Duration = Duration::from_secs(30);
/// The time after `timeout` at which a call without an answer counts as lost.
const GRACE: Duration = Duration::from_secs(5);

/// The lookups of one issuer.
#[derive(Debug)]
pub struct Lookups {
    source: Source,
    groups: Arc<[String]>,
    memory: Memory,
    /// Queued and running lookups, in order of arrival.
    open: BTreeMap<LookupId, Lookup>,
    next: LookupId,
    failures: u32,
    /// No lookup starts before this time.
    not_before: Timestamp,
}

/// Identifies a lookup while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupId(u64);

#[derive(Debug)]
struct Lookup {
    subject: Subject,
    /// `None` while the lookup is queued.
    flight: Option<Flight>,
}

#[derive(Debug)]
struct Flight {
    started: Timestamp,
    /// Numbers of the calls whose answers are missing.
    missing: Vec<usize>,
    held: Vec<String>,
}

/// A call of a lookup, without its authorization.
#[derive(Debug)]
pub struct LookupCall {
    pub id: LookupId,
    /// Number of the call within its lookup.
    pub part: usize,
    pub callout: Callout,
}

/// The state of the lookup of a caller's groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Known(Arc<Membership>),
    /// A lookup is queued or running and can finish in time.
    Pending(LookupId),
    Unavailable(GroupsUnavailable),
}

/// The effect of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// One answer of a lookup arrived; other answers are missing.
    Partly,
    /// The caller's groups are known. `evicted`: the entry of another caller was evicted.
    Found { evicted: bool },
    /// Graph does not know the caller.
    Unknown,
    /// Graph fails. `given_up`: the queued lookups, which are given up as well.
    Failed {
        error: GraphError,
        given_up: Vec<LookupId>,
    },
    /// The answer is too late and is ignored.
    Late,
}

impl Lookups {
    /// `groups` are the groups that rules name, as GUIDs in lower case.
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

    /// Returns how the calls authenticate.
    pub fn auth(&self) -> &Auth {
        &self.source.auth
    }

    /// Returns the known groups of a caller without starting a lookup.
    pub fn recall(&mut self, caller: &Claims, now: Timestamp) -> Option<Arc<Membership>> {
        let subject = Subject::of(caller)?;
        self.memory.find(&subject.object, now)?.ok()
    }

    /// Returns the state of a caller's groups, and starts a lookup if it can finish before `by`.
    pub fn ask(&mut self, caller: &Claims, by: Timestamp, now: Timestamp) -> Standing {
        let Some(subject) = Subject::of(caller) else {
            return Standing::Unavailable(GroupsUnavailable::UnknownCaller);
        };
        match self.memory.find(&subject.object, now) {
            Some(Ok(membership)) => return Standing::Known(membership),
            Some(Err(reason)) => return Standing::Unavailable(reason),
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
            )) => Standing::Pending(*id),
            _ if by < self.not_before => Standing::Unavailable(GroupsUnavailable::Failing),
            Some((id, _)) => Standing::Pending(*id),
            None if self.open.len() >= MAX_QUEUED => {
                Standing::Unavailable(GroupsUnavailable::TooManyWaiting)
            }
            None => {
                let id = self.next;
                self.next = LookupId(id.0.wrapping_add(1));
                let flight = None;
                self.open.insert(id, Lookup { subject, flight });
                Standing::Pending(id)
            }
        }
    }

    /// Returns the calls to start now. Must be called on every tick.
    pub fn due(&mut self, now: Timestamp) -> Vec<LookupCall> {
        self.drop_lost_lookups(now);
        if now < self.not_before {
            return Vec::new();
        }
        let mut calls = Vec::new();
        let under_way = self.open.values().filter(|lookup| lookup.flight.is_some());
        let free = MAX_CONCURRENT.saturating_sub(under_way.count());
        let waiting = self
            .open
            .iter_mut()
            .filter(|(_, lookup)| lookup.flight.is_none());
        for (id, lookup) in waiting.take(free) {
            let Source { graph, timeout, .. } = &self.source;
            let parts = self.groups.chunks(graph::MOST_GROUPS).enumerate();
            calls.extend(parts.map(|(part, groups)| LookupCall {
                id: *id,
                part,
                callout: graph::request(graph, &lookup.subject, groups, *timeout),
            }));
            lookup.flight = Some(Flight {
                started: now,
                missing: (0..self.groups.len().div_ceil(graph::MOST_GROUPS)).collect(),
                held: Vec::new(),
            });
        }
        calls
    }

    /// Processes the answer to a call. If any answer of a lookup is invalid, the lookup has no
    /// result.
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
                if flight.missing.is_empty() {
                    self.found(id, now)
                } else {
                    Progress::Partly
                }
            }
            Err(GraphError::UnknownCaller) => {
                self.failures = 0;
                if let Some(lookup) = self.open.remove(&id) {
                    let known = Err(GroupsUnavailable::UnknownCaller);
                    self.memory
                        .keep(lookup.subject.object, known, UNKNOWN_CALLER_FOR, now);
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

    /// Pauses calls to Graph. Returns the queued lookups, which are dropped; requests that wait for
    /// them must retry or give up.
    fn pause(&mut self, error: &GraphError, now: Timestamp) -> Vec<LookupId> {
        let pause = match error {
            // The call was not sent to Graph.
            GraphError::Callout(CalloutError::NoToken) => FIRST_PAUSE,
            error => {
                let requested = match error {
                    GraphError::Callout(error) => error.pause(),
                    _ => Duration::ZERO,
                };
                let doublings = self.failures.min(16);
                self.failures = self.failures.saturating_add(1);
                let backoff = FIRST_PAUSE.saturating_mul(1 << doublings);
                backoff.min(LONGEST_PAUSE).max(requested)
            }
        };
        self.not_before = self.not_before.max(now.plus(pause));
        let queued = self
            .open
            .iter()
            .filter(|(_, lookup)| lookup.flight.is_none());
        let queued: Vec<LookupId> = queued.map(|(id, _)| *id).collect();
        self.open.retain(|_, lookup| lookup.flight.is_some());
        queued
    }

    /// Drops lookups whose answers are lost. The requests that waited for them have already timed out.
    fn drop_lost_lookups(&mut self, now: Timestamp) {
        let budget = self.source.timeout.saturating_add(GRACE);
        self.open.retain(|_, lookup| {
            let started = lookup.flight.as_ref().map(|flight| flight.started);
            started.is_none_or(|started| now.since(started) <= budget)
        });
    }
}

#[cfg(test)]
mod tests;
