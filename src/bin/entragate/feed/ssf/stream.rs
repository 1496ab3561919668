//! One stream: polls the transmitter, and has the ledger record what the SETs revoke. SETs are acknowledged with the next
//! poll, when the feed is published.

use super::keys::Keys;
use super::ledger::{Ledger, Outcome, Verified};
use super::poll::{self, Delivery, Report};
use super::set::{self, Rejected};
use super::settings::StreamSettings;
use super::status::{Counts, count};
use crate::feed::client::Client;
use crate::feed::locked;
use entragate::fetch::callout::{Answer, Callout, CalloutError};
use entragate::time::Timestamp;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// The most SETs of one delivery. Halved while an answer is too large.
const MAX_EVENTS: u32 = 100;
/// The timeout of a poll that does not wait for events.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the first failure. It doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Deferred SETs that are remembered; of more, the first delivery counts again.
const MAX_DEFERRED: usize = 1000;

pub struct Stream {
    settings: StreamSettings,
    client: Client,
    keys: Keys,
    report: Report,
    max_events: u32,
    /// The next poll does not wait for events.
    is_brief: bool,
    failures: u32,
    /// SETs without a key that fits, and when they were delivered first.
    deferred: HashMap<String, Timestamp>,
    counts: Counts,
    /// All events until then are known.
    current_until: Option<Timestamp>,
}

/// The effect of a poll.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The time until the next poll.
    pub pause: Duration,
    /// What to tell the operator.
    pub log: Vec<String>,
}

impl Stream {
    pub fn new(settings: StreamSettings, client: Client) -> Self {
        Self {
            keys: Keys::new(settings.jwks.clone()),
            settings,
            client,
            report: Report::default(),
            max_events: MAX_EVENTS,
            // The first poll tells soon whether the stream is usable.
            is_brief: true,
            failures: 0,
            deferred: HashMap::new(),
            counts: Counts::default(),
            current_until: None,
        }
    }

    pub fn name(&self) -> &str {
        &self.settings.name
    }

    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns the time until which all events are known.
    pub const fn current_until(&self) -> Option<Timestamp> {
        self.current_until
    }

    /// Polls once. What the ledger has recorded when this returns must be published before the next poll.
    pub fn poll(&mut self, ledger: &Mutex<Ledger>, now: impl Fn() -> Timestamp) -> Step {
        let began = now();
        let sent = std::mem::take(&mut self.report);
        match self.call(&sent) {
            Ok(delivery) => match self.take(delivery, ledger, began, now()) {
                Ok(mut step) => {
                    self.failures = 0;
                    step.pause = step.pause.saturating_sub(now().since(began));
                    step
                }
                Err(text) => self.failed(text, Duration::ZERO),
            },
            Err(error) => {
                let waited = now().since(began);
                self.report = sent;
                if let CallError::Callout(CalloutError::TooLarge { .. }) = error
                    && self.max_events > 1
                {
                    self.max_events /= 2;
                    return Step {
                        pause: Duration::ZERO,
                        log: Vec::new(),
                    };
                }
                // A transmitter may hold a poll for longer than we wait. One that does not wait must be answered.
                if !std::mem::replace(&mut self.is_brief, true)
                    && error == CallError::Callout(CalloutError::Interrupted)
                    && waited >= self.settings.wait
                {
                    return Step {
                        pause: Duration::ZERO,
                        log: Vec::new(),
                    };
                }
                self.failed(error.text(&self.client), error.pause())
            }
        }
    }

    fn failed(&mut self, text: String, pause: Duration) -> Step {
        self.counts.failed_polls += 1;
        let own = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        self.is_brief = true;
        Step {
            pause: own.min(LONGEST_PAUSE).max(pause),
            log: vec![text],
        }
    }

    fn call(&self, report: &Report) -> Result<Delivery, CallError> {
        let timeout = if self.is_brief {
            TIMEOUT
        } else {
            self.settings.wait
        };
        let body = report.request(self.max_events, self.is_brief);
        let target = self.settings.poll.clone();
        let mut callout = Callout::post(target, "application/json", body, timeout);
        // The descriptions in `setErrs` (RFC 8936 §2.4).
        if !report.rejected.is_empty() {
            callout = callout.header("content-language", "en");
        }
        if let Some(token) = &self.settings.token {
            callout = callout.bearer(&token.read().map_err(CallError::Text)?);
        }
        match self.client.call(&callout) {
            Answer::Response { status: 200, body } => poll::read(&body).map_err(CallError::Text),
            Answer::Response { status, .. } => Err(CallError::Status(status)),
            Answer::Failed(error) => Err(CallError::Callout(error)),
        }
    }

    /// Verifies and records the SETs of a delivery.
    fn take(
        &mut self,
        delivery: Delivery,
        ledger: &Mutex<Ledger>,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<Step, String> {
        let mut log = Vec::new();
        let mut report = Report::default();
        let mut verified = Vec::new();
        let mut is_deferred = false;
        for (id, set) in delivery.sets {
            match self.verify(&id, set.as_deref(), began, now)? {
                Verdict::Valid(received) => verified.push(Verified { id, received }),
                Verdict::Rejected(error) => {
                    let (code, text) = (error.code(), error.description());
                    log.push(format!("a SET was rejected: {code}: {text}"));
                    count(&mut self.counts.rejected, code);
                    report.rejected.insert(id, error);
                }
                Verdict::Deferred => is_deferred = true,
            }
        }
        report.accepted = verified.iter().map(|set| set.id.clone()).collect();
        let outcome = {
            let mut ledger = locked(ledger);
            let has_session_ids = self.settings.has_session_ids;
            let was_suspended = ledger.is_suspended(self.name());
            let outcome = ledger.apply(self.name(), verified, has_session_ids, now)?;
            let is_suspended = ledger.is_suspended(self.name());
            if is_suspended != was_suspended {
                let text = if is_suspended {
                    "the transmitter has paused or disabled the stream, so it is not current"
                } else {
                    "the transmitter has enabled the stream"
                };
                log.push(text.to_owned());
            }
            outcome
        };
        let has_new = report.accepted.len() > outcome.repeated;
        self.note(&outcome, &mut log);
        self.report = report;
        if !delivery.has_more && !is_deferred {
            self.current_until = Some(began);
        }
        self.is_brief = delivery.has_more || is_deferred;
        // A transmitter that sends nothing new must not be polled at full speed.
        let pause = if has_new {
            Duration::ZERO
        } else {
            self.settings.interval
        };
        Ok(Step { pause, log })
    }

    /// Verifies a SET. If its key is not known or does not fit, the keys are fetched again, later if they were fetched a moment ago:
    /// SETs need no `kid`, and a transmitter may replace a key.
    fn verify(
        &mut self,
        id: &str,
        set: Option<&str>,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<Verdict, String> {
        let Some(set) = set else {
            let error = Rejected::InvalidRequest("it is not a text");
            return Ok(Verdict::Rejected(error));
        };
        let keys = self.keys.get(&self.client, None, now)?;
        let expected = &self.settings.expected;
        match set::verify(id, set, expected, keys, now) {
            Ok(received) => Ok(Verdict::Valid(received)),
            Err(Rejected::InvalidKey | Rejected::AuthenticationFailed) => {
                if self.deferred.len() >= MAX_DEFERRED {
                    self.deferred.clear();
                }
                let since = *self.deferred.entry(id.to_owned()).or_insert(began);
                let Ok(keys) = self.keys.get(&self.client, Some(since), now) else {
                    return Ok(Verdict::Deferred);
                };
                let verdict = set::verify(id, set, expected, keys, now);
                self.deferred.remove(id);
                Ok(verdict.map_or_else(Verdict::Rejected, Verdict::Valid))
            }
            Err(error) => Ok(Verdict::Rejected(error)),
        }
    }

    fn note(&mut self, outcome: &Outcome, log: &mut Vec<String>) {
        for name in &outcome.applied {
            count(&mut self.counts.applied, name);
        }
        for name in &outcome.ignored {
            count(&mut self.counts.ignored, name);
        }
        for name in &outcome.unmatched {
            count(&mut self.counts.unmatched, name);
            log.push(format!(
                "the subject of an event {name} has nothing that tokens can be compared with"
            ));
        }
        self.counts.repeated += outcome.repeated as u64;
    }
}

enum Verdict {
    Valid(set::Received),
    Rejected(Rejected),
    /// The key is not known yet. The SET is neither acknowledged nor rejected, so it is delivered again.
    Deferred,
}

#[derive(Debug, PartialEq, Eq)]
enum CallError {
    Callout(CalloutError),
    Status(u16),
    Text(String),
}

impl CallError {
    fn text(&self, client: &Client) -> String {
        let cause = match self {
            Self::Callout(error) => client.explain(error),
            Self::Status(status @ (401 | 403)) => {
                format!("the answer has status {status}; check the stream's token")
            }
            Self::Status(status) => format!("the answer has status {status}"),
            Self::Text(text) => text.clone(),
        };
        format!("the poll failed: {cause}")
    }

    fn pause(&self) -> Duration {
        match self {
            Self::Callout(error) => error.pause(),
            Self::Status(_) | Self::Text(_) => Duration::ZERO,
        }
    }
}
