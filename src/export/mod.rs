//! Audit records on their way to another service: queued, batched, sent, retried. A state machine
//! without I/O: calls go out as values, answers come in as values.
//!
//! Nothing here slows a request down. What can't be delivered waits, within bounds; beyond them the
//! oldest records go, counted and logged. A record may arrive twice, where an answer was lost.
//!
//! Where VMs can share, one of them delivers what all of them have (`handover`).

mod backlog;
mod encode;
mod handover;
mod parcel;
mod queue;

use crate::fetch::callout::{Answer, Callout, Target};
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;
use backlog::Backlog;
pub use encode::Format;
use queue::Entry;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// Most bytes of one call's body. Azure Monitor's Logs Ingestion takes 1 MB.
pub const MAX_CALL_BYTES: usize = 1_000_000;
/// The first pause after a failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How much longer than its timeout a call may take before it is given up as lost.
const GRACE: Duration = Duration::from_secs(5);
/// Lost records are reported at most that often.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Where records go: the compiled form of `audit.export`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub target: Target,
    pub format: Format,
    /// Most records of one call; as many begin one at once.
    pub batch: usize,
    /// Longest wait before fewer are sent.
    pub every: Duration,
    /// How long one call may take.
    pub timeout: Duration,
    pub auth: Option<Auth>,
}

/// The records that one VM still has to deliver, or to hand over.
#[derive(Debug)]
pub struct Exporter {
    settings: Settings,
    backlog: Backlog,
    /// Slots of the mailbox of which a record was delivered since last asked.
    touched: BTreeSet<usize>,
    in_flight: Option<InFlight>,
    attempts: u64,
    /// Most records of the next call: fewer than a batch after one was too large.
    limit: usize,
    failures: u32,
    not_before: Option<Timestamp>,
    lost: Losses,
    reported: Option<Timestamp>,
}

#[derive(Debug)]
struct InFlight {
    attempt: Attempt,
    started: Timestamp,
    records: Vec<Entry>,
}

/// Names one call, so that a late answer to an earlier one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(u64);

/// Records that will never arrive, since they were last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// They made room for newer ones.
    pub no_room: u64,
    /// The service has refused them for good.
    pub refused: u64,
}

/// What an answer changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many records have arrived. `recovered`: calls had failed before.
    Delivered { records: u64, recovered: bool },
    /// They are kept for later. `first`: the calls before had not failed.
    Failed { trouble: Trouble, first: bool },
    /// The service will never take them; they are gone.
    Refused { status: u16 },
    /// The answer came too late to matter.
    Late,
}

/// Why a call has not delivered its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Exporter {
    pub fn new(settings: Settings) -> Self {
        Self {
            limit: settings.batch,
            settings,
            backlog: Backlog::default(),
            touched: BTreeSet::new(),
            in_flight: None,
            attempts: 0,
            failures: 0,
            not_before: None,
            lost: Losses::default(),
            reported: None,
        }
    }

    /// Takes a record, as its line of JSON.
    pub fn push(&mut self, line: String, now: Timestamp) {
        let entry = Entry {
            line,
            since: now,
            slot: None,
        };
        self.lost.no_room += self.backlog.own.push(entry, self.under_way());
    }

    /// Records that have not arrived yet.
    pub fn len(&self) -> usize {
        self.backlog.len() + self.under_way()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_calling(&self) -> bool {
        self.in_flight.is_some()
    }

    /// What the last call failed for may be there now.
    pub fn hurry(&mut self) {
        self.not_before = None;
    }

    /// Takes back all own records that have not arrived, as their lines: nothing delivers them any more.
    pub fn give_up(&mut self) -> Vec<String> {
        self.take_back();
        std::iter::from_fn(|| self.backlog.own.pop())
            .map(|entry| entry.line)
            .collect()
    }

    /// How its calls authenticate.
    pub fn auth(&self) -> Option<&Auth> {
        self.settings.auth.as_ref()
    }

    /// A call to begin now, still to be authorized: when a batch is there, or a record has waited
    /// long enough. One call at a time.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        self.give_up_lost(now);
        let ripe = self.backlog.len() >= self.limit
            || (self.backlog.oldest()).is_some_and(|since| now.since(since) >= self.settings.every);
        let free = self.not_before.is_none_or(|moment| now >= moment);
        (ripe && free).then(|| self.begin(now)).flatten()
    }

    /// A call has ended.
    pub fn answered(&mut self, attempt: Attempt, answer: &Answer, now: Timestamp) -> Progress {
        let is_current = |own: &InFlight| own.attempt == attempt;
        if !self.in_flight.as_ref().is_some_and(is_current) {
            return Progress::Late;
        }
        match answer {
            Answer::Response { status, .. } if (200..300).contains(status) => self.delivered(),
            Answer::Response { status: 413, .. } if self.under_way() > 1 => {
                self.limit = (self.under_way() / 2).max(1);
                self.take_back();
                let trouble = Trouble("the answer has status 413; smaller batches follow".into());
                let first = false;
                Progress::Failed { trouble, first }
            }
            Answer::Response { status, .. } if is_final(*status) => {
                self.lost.refused += self.settled();
                Progress::Refused { status: *status }
            }
            Answer::Response { status, .. } => {
                let trouble = format!("the answer has status {status}");
                self.failed(trouble, Duration::ZERO, now)
            }
            Answer::Failed(error) => self.failed(error.to_string(), error.pause(), now),
        }
    }

    /// What has been lost since last asked; at most now and then.
    pub fn take_losses(&mut self, now: Timestamp) -> Option<Losses> {
        let quiet = self
            .reported
            .is_some_and(|last| now.since(last) < REPORT_EVERY);
        if quiet || self.lost == Losses::default() {
            return None;
        }
        self.reported = Some(now);
        Some(std::mem::take(&mut self.lost))
    }

    /// A call with what there is, as far as one takes it, whatever is due. `None`, too, while one is under
    /// way: it will still be answered.
    pub fn begin(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        if self.in_flight.is_some() {
            return None;
        }
        let (records, body) = self.settings.format.batch(&mut self.backlog, self.limit)?;
        self.attempts = self.attempts.wrapping_add(1);
        let attempt = Attempt(self.attempts);
        self.in_flight = Some(InFlight {
            attempt,
            started: now,
            records,
        });
        let target = self.settings.target.clone();
        let callout = Callout::post(target, "application/json", body, self.settings.timeout);
        Some((attempt, callout))
    }

    fn delivered(&mut self) -> Progress {
        let records = self.settled();
        let recovered = self.failures > 0;
        self.failures = 0;
        self.not_before = None;
        self.limit = self.limit.saturating_mul(2).min(self.settings.batch);
        Progress::Delivered { records, recovered }
    }

    fn failed(&mut self, trouble: String, asked_to_wait: Duration, now: Timestamp) -> Progress {
        self.take_back();
        let first = self.failures == 0;
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << doublings)
            .min(LONGEST_PAUSE);
        self.not_before = Some(now.plus(pause.max(asked_to_wait)));
        let trouble = Trouble(trouble);
        Progress::Failed { trouble, first }
    }

    fn give_up_lost(&mut self, now: Timestamp) {
        let budget = self.settings.timeout.saturating_add(GRACE);
        let is_lost = |own: &InFlight| now.since(own.started) > budget;
        if self.in_flight.as_ref().is_some_and(is_lost) {
            self.failed(String::new(), Duration::ZERO, now);
        }
    }

    /// The records under way are to be sent again.
    fn take_back(&mut self) {
        if let Some(InFlight { records, .. }) = self.in_flight.take() {
            self.backlog.put_back(records);
        }
    }

    /// Nothing more is to be done for the records under way. How many they were.
    fn settled(&mut self) -> u64 {
        let Some(own) = self.in_flight.take() else {
            return 0;
        };
        let slots = own.records.iter().filter_map(|entry| entry.slot);
        self.touched.extend(slots);
        own.records.len() as u64
    }

    fn under_way(&self) -> usize {
        self.in_flight.as_ref().map_or(0, |own| own.records.len())
    }
}

/// What is wrong with the records themselves no retry heals. All else is about the way, or about who
/// we are, and may be put right: a role that is assigned takes Azure minutes to know.
const fn is_final(status: u16) -> bool {
    matches!(status, 400 | 413 | 415 | 422)
}

#[cfg(test)]
mod tests;
