//! Export of audit records to another service: queues, batches, sends and retries. A state machine without I/O: calls
//! and answers are values.
//!
//! The export never delays a request. Records that cannot be delivered are kept within bounds;
//! beyond the bounds the oldest records are dropped, counted and logged. A record may be delivered
//! twice if an answer is lost.
//!
//! If VMs can share data, one of them delivers the records of all (`handover`).

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

/// The maximum size of the body of one call, in bytes. Azure Monitor's Logs Ingestion accepts 1 MB.
pub const MAX_CALL_BYTES: usize = 1_000_000;
/// The first pause after a failure. It doubles up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The time after the timeout at which a call without an answer counts as lost.
const GRACE: Duration = Duration::from_secs(5);
/// Minimum time between two reports of lost records.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The destination of the records: the compiled form of `audit.export`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub target: Target,
    pub format: Format,
    /// Maximum number of records of one call. A full batch is sent immediately.
    pub batch: usize,
    /// The maximum wait before an incomplete batch is sent.
    pub every: Duration,
    /// Timeout of one call.
    pub timeout: Duration,
    pub auth: Option<Auth>,
}

/// The records that one VM still has to deliver or hand over.
#[derive(Debug)]
pub struct Exporter {
    settings: Settings,
    backlog: Backlog,
    /// Mailbox slots with deliveries since the last call of `take_progress`.
    touched: BTreeSet<usize>,
    in_flight: Option<InFlight>,
    attempts: u64,
    /// The maximum number of records of the next call. It is smaller than a batch after a call was too large.
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

/// Identifies a call, so that a late answer to an earlier call is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(u64);

/// Numbers of records that will never be delivered, since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Dropped to make room for newer records.
    pub no_room: u64,
    /// Rejected by the service permanently.
    pub refused: u64,
}

/// The effect of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// This many records were delivered. `recovered`: earlier calls had failed.
    Delivered { records: u64, recovered: bool },
    /// The records are kept for a retry. `first`: the previous call had not failed.
    Failed { failure: ExportFailure, first: bool },
    /// The service rejected the records permanently; they are dropped.
    Refused { status: u16 },
    /// The answer is too late and is ignored.
    Late,
}

/// Why a call has not delivered its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFailure(String);

impl fmt::Display for ExportFailure {
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

    /// Adds a record as its line of JSON.
    pub fn push(&mut self, line: String, now: Timestamp) {
        let entry = Entry {
            line,
            since: now,
            slot: None,
        };
        self.lost.no_room += self.backlog.own.push(entry, self.records_in_flight());
    }

    /// Returns the number of undelivered records.
    pub fn len(&self) -> usize {
        self.backlog.len() + self.records_in_flight()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_calling(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Retries soon, because the cause of the last failure may be gone.
    pub fn hurry(&mut self) {
        self.not_before = None;
    }

    /// Removes and returns the lines of all own undelivered records, because they will not be
    /// exported any more.
    pub fn give_up(&mut self) -> Vec<String> {
        self.take_back();
        std::iter::from_fn(|| self.backlog.own.pop())
            .map(|entry| entry.line)
            .collect()
    }

    /// Returns how the calls authenticate.
    pub fn auth(&self) -> Option<&Auth> {
        self.settings.auth.as_ref()
    }

    /// Returns a call to start now, without its authorization: if a batch is complete, or a record
    /// has waited long enough. At most one call runs at a time.
    pub fn due(&mut self, now: Timestamp) -> Option<(Attempt, Callout)> {
        self.drop_lost_call(now);
        let ripe = self.backlog.len() >= self.limit
            || (self.backlog.oldest()).is_some_and(|since| now.since(since) >= self.settings.every);
        let free = self.not_before.is_none_or(|moment| now >= moment);
        (ripe && free).then(|| self.begin(now)).flatten()
    }

    /// Processes the answer to a call.
    pub fn answered(&mut self, attempt: Attempt, answer: &Answer, now: Timestamp) -> Progress {
        let is_current = |own: &InFlight| own.attempt == attempt;
        if !self.in_flight.as_ref().is_some_and(is_current) {
            return Progress::Late;
        }
        match answer {
            Answer::Response { status, .. } if (200..300).contains(status) => self.delivered(),
            Answer::Response { status: 413, .. } if self.records_in_flight() > 1 => {
                self.limit = (self.records_in_flight() / 2).max(1);
                self.take_back();
                let failure =
                    ExportFailure("the answer has status 413; the next batches are smaller".into());
                let first = false;
                Progress::Failed { failure, first }
            }
            Answer::Response { status, .. } if is_final(*status) => {
                self.lost.refused += self.take_finished();
                Progress::Refused { status: *status }
            }
            Answer::Response { status, .. } => {
                let failure = format!("the answer has status {status}");
                self.failed(failure, Duration::ZERO, now)
            }
            Answer::Failed(error) => self.failed(error.to_string(), error.pause(), now),
        }
    }

    /// Returns the losses since the last report, at most once per `REPORT_INTERVAL`.
    pub fn take_losses(&mut self, now: Timestamp) -> Option<Losses> {
        let quiet = self
            .reported
            .is_some_and(|last| now.since(last) < REPORT_INTERVAL);
        if quiet || self.lost == Losses::default() {
            return None;
        }
        self.reported = Some(now);
        Some(std::mem::take(&mut self.lost))
    }

    /// Returns a call with as many records as fit, whether due or not. Returns `None` while a call
    /// is running, because it will still be answered.
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
        let records = self.take_finished();
        let recovered = self.failures > 0;
        self.failures = 0;
        self.not_before = None;
        self.limit = self.limit.saturating_mul(2).min(self.settings.batch);
        Progress::Delivered { records, recovered }
    }

    fn failed(&mut self, failure: String, requested_pause: Duration, now: Timestamp) -> Progress {
        self.take_back();
        let first = self.failures == 0;
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << doublings)
            .min(LONGEST_PAUSE);
        self.not_before = Some(now.plus(pause.max(requested_pause)));
        let failure = ExportFailure(failure);
        Progress::Failed { failure, first }
    }

    fn drop_lost_call(&mut self, now: Timestamp) {
        let budget = self.settings.timeout.saturating_add(GRACE);
        let is_lost = |own: &InFlight| now.since(own.started) > budget;
        if self.in_flight.as_ref().is_some_and(is_lost) {
            self.failed(String::new(), Duration::ZERO, now);
        }
    }

    /// Returns the records of the running call to the backlog.
    fn take_back(&mut self) {
        if let Some(InFlight { records, .. }) = self.in_flight.take() {
            self.backlog.put_back(records);
        }
    }

    /// Removes the records of the running call, which need no retry, and returns their number.
    fn take_finished(&mut self) -> u64 {
        let Some(own) = self.in_flight.take() else {
            return 0;
        };
        let slots = own.records.iter().filter_map(|entry| entry.slot);
        self.touched.extend(slots);
        own.records.len() as u64
    }

    fn records_in_flight(&self) -> usize {
        self.in_flight.as_ref().map_or(0, |own| own.records.len())
    }
}

/// Returns whether a retry is pointless because the records themselves are invalid. Any other
/// error, such as missing authorization, may be corrected: Azure takes minutes to apply a role
/// assignment.
const fn is_final(status: u16) -> bool {
    matches!(status, 400 | 413 | 415 | 422)
}

#[cfg(test)]
mod tests;
