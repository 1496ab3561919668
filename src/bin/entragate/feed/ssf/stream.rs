//! One stream: polls the transmitter, and records the revocations of SETs in the ledger. SETs are acknowledged with the
//! next poll, when the feed has been published.

use super::keys::Keys;
use super::ledger::{Interruption, Ledger, Outcome, Verified};
use super::poll::{self, Delivery, Report};
use super::poll_token::{PollToken, TokenError};
use super::set::{self, Rejected};
use super::settings::StreamSettings;
use super::status::{Counts, count};
use crate::feed::client::Client;
use crate::feed::locked;
use crate::feed::moment::Moment;
use entragate::fetch::callout::{Answer, Callout, CalloutError};
use entragate::service_auth::token_response::TokenResponseError;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// The maximum number of SETs in one delivery. It is halved while an answer is too large.
const MAX_EVENTS: u32 = 100;
/// The timeout of a poll that does not wait for events.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the first failure. It doubles with each failure, up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The maximum number of deferred SETs that are remembered. At the limit all are forgotten, and the time of their
/// deferral begins again.
const MAX_DEFERRED: usize = 1000;

pub struct Stream {
    settings: StreamSettings,
    client: Client,
    keys: Keys,
    token: Option<PollToken>,
    report: Report,
    max_events: u32,
    /// The next poll does not wait for events.
    is_brief: bool,
    failures: u32,
    /// SETs without a fitting key, and when they were first delivered.
    deferred: HashMap<String, Moment>,
    counts: Counts,
    /// The time up to which all events are known.
    current_until: Option<Moment>,
}

/// The result of a poll.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The time until the next poll.
    pub pause: Duration,
    /// The messages for the operator.
    pub log: Vec<String>,
}

impl Stream {
    pub fn new(settings: StreamSettings, client: Client) -> Self {
        Self {
            keys: Keys::new(settings.jwks.clone()),
            token: settings.token.clone().map(PollToken::new),
            settings,
            client,
            report: Report::default(),
            max_events: MAX_EVENTS,
            // The first poll does not wait, so that it shows soon whether the stream is usable.
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

    /// Returns the time up to which all events are known.
    pub const fn current_until(&self) -> Option<Moment> {
        self.current_until
    }

    /// Polls once. The changes in the ledger must be published before the next poll.
    pub fn poll(&mut self, ledger: &Mutex<Ledger>) -> Step {
        let began = Moment::now();
        let sent = std::mem::take(&mut self.report);
        match self.call(&sent, began) {
            Ok(delivery) => match self.take(delivery, ledger, began, Moment::now()) {
                Ok(mut step) => {
                    self.failures = 0;
                    step.pause = step.pause.saturating_sub(Moment::now().since(began));
                    step
                }
                Err(text) => self.failed(text, Duration::ZERO),
            },
            Err(error) => {
                let waited = Moment::now().since(began);
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
                // A transmitter may hold a poll for longer than the timeout. A poll that does not wait must be
                // answered.
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

    fn call(&mut self, report: &Report, now: Moment) -> Result<Delivery, CallError> {
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
        if let Some(token) = &mut self.token {
            callout = callout.bearer(&token.get(&self.client, now).map_err(CallError::Token)?);
        }
        match self.client.call(&callout) {
            Answer::Response { status: 200, body } => poll::read(&body).map_err(CallError::Text),
            Answer::Response { status, .. } => {
                if status == 401 {
                    self.token.iter_mut().for_each(PollToken::refused);
                }
                Err(CallError::Status(status))
            }
            Answer::Failed(error) => Err(CallError::Callout(error)),
        }
    }

    /// Verifies and records the SETs of a delivery.
    fn take(
        &mut self,
        delivery: Delivery,
        ledger: &Mutex<Ledger>,
        began: Moment,
        now: Moment,
    ) -> Result<Step, String> {
        let mut log = Vec::new();
        let mut report = Report::default();
        let mut verified = Vec::new();
        let mut deferred = 0;
        for (id, set) in delivery.sets {
            match self.verify(&id, set.as_deref(), began, now)? {
                Verdict::Valid(received) => verified.push(Verified { id, received }),
                Verdict::Rejected(error) => {
                    let (code, text) = (error.code(), error.description());
                    log.push(format!("a SET was rejected: {code}: {text}"));
                    count(&mut self.counts.rejected, code);
                    report.rejected.insert(id, error);
                }
                Verdict::Deferred => deferred += 1,
            }
        }
        report.accepted = verified.iter().map(|set| set.id.clone()).collect();
        let outcome = {
            let mut ledger = locked(ledger);
            let has_session_ids = self.settings.has_session_ids;
            let before = ledger.interruption(self.name());
            let outcome = ledger.apply(self.name(), verified, has_session_ids, now.wall)?;
            let interruption = ledger.interruption(self.name());
            if interruption != before {
                log.push(changed(interruption).to_owned());
            }
            outcome
        };
        let has_new = report.accepted.len() > outcome.repeated;
        self.note(&outcome, &mut log);
        self.report = report;
        self.counts.waiting = deferred;
        if deferred > 0 {
            let text = "SETs are signed by a key that is not in the key set; they are neither acknowledged nor \
                        rejected and will be verified again; until then, the stream is not current";
            log.push(text.to_owned());
        }
        let is_complete = !delivery.has_more && deferred == 0;
        if is_complete {
            self.current_until = Some(began);
        }
        self.is_brief = !is_complete;
        // A transmitter that sends nothing new must not be polled at full speed.
        let pause = if has_new {
            Duration::ZERO
        } else {
            self.settings.interval
        };
        Ok(Step { pause, log })
    }

    /// Verifies a SET. If its key is unknown or does not fit, the keys are fetched repeatedly for some time: SETs need
    /// no `kid`, a transmitter may replace a key, and a cache may still return the old keys. After that, the SET is
    /// rejected, before the stream counts as stale.
    fn verify(
        &mut self,
        id: &str,
        set: Option<&str>,
        began: Moment,
        now: Moment,
    ) -> Result<Verdict, String> {
        let Some(set) = set else {
            let error = Rejected::InvalidRequest("it is not a text");
            return Ok(Verdict::Rejected(error));
        };
        let expected = &self.settings.expected;
        let lacks_key = |error: &Rejected| {
            matches!(error, Rejected::InvalidKey | Rejected::AuthenticationFailed)
        };
        let known = self.keys.get(&self.client, now)?;
        let mut verified = set::verify(id, set, expected, &known.keys, now.wall);
        let mut fetched = known.fetched;
        if verified.as_ref().is_err_and(lacks_key) && self.keys.fetch(&self.client, now).is_ok() {
            let known = self.keys.get(&self.client, now)?;
            verified = set::verify(id, set, expected, &known.keys, now.wall);
            fetched = known.fetched;
        }
        if verified.as_ref().is_err_and(lacks_key) {
            if self.deferred.len() >= MAX_DEFERRED {
                self.deferred.clear();
            }
            let since = *self.deferred.entry(id.to_owned()).or_insert(began);
            // The time when the keys were fetched is decisive, because they may not have been fetched since the first
            // delivery.
            if fetched.since(since) < self.settings.max_stale / 2 {
                return Ok(Verdict::Deferred);
            }
        }
        self.deferred.remove(id);
        Ok(verified.map_or_else(Verdict::Rejected, Verdict::Valid))
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
                "the subject of an event {name} has no part that can be compared with tokens"
            ));
        }
        self.counts.repeated += outcome.repeated as u64;
    }
}

enum Verdict {
    Valid(set::Received),
    Rejected(Rejected),
    /// The key is still unknown. The SET is neither acknowledged nor rejected, so it is delivered again.
    Deferred,
}

/// Returns the meaning of a change of the stream, for the operator.
const fn changed(interruption: Option<Interruption>) -> &'static str {
    match interruption {
        Some(Interruption::Suspended) => {
            "the transmitter has paused or disabled the stream, so it is not current"
        }
        Some(Interruption::Gap) => {
            "the transmitter has enabled the stream, but events were lost while it was disabled; revoke the access \
             of accounts that may have lost it in the meantime, then start with --resume"
        }
        None => "the transmitter has enabled the stream",
    }
}

#[derive(Debug, PartialEq, Eq)]
enum CallError {
    Callout(CalloutError),
    Status(u16),
    Text(String),
    /// The poll was not made.
    Token(TokenError),
}

impl CallError {
    fn text(&self, client: &Client) -> String {
        let cause = match self {
            Self::Callout(error) => client.explain(error),
            Self::Status(status @ (401 | 403)) => {
                format!("the answer has status {status}; check the stream's token")
            }
            Self::Status(status) => format!("the answer has status {status}"),
            Self::Text(text) | Self::Token(TokenError::Unreadable(text)) => text.clone(),
            Self::Token(TokenError::Response(error)) => {
                let text = match error {
                    TokenResponseError::Callout(error) => client.explain(error),
                    error => error.to_string(),
                };
                format!("no token from the token endpoint: {text}")
            }
        };
        format!("the poll failed: {cause}")
    }

    fn pause(&self) -> Duration {
        match self {
            Self::Callout(error)
            | Self::Token(TokenError::Response(TokenResponseError::Callout(error))) => {
                error.pause()
            }
            Self::Status(_) | Self::Text(_) | Self::Token(_) => Duration::ZERO,
        }
    }
}
