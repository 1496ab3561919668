//! Receives the events of all streams. Each stream has its own thread.

use super::ledger::{Interruption, Ledger, Lives, Revoked};
use super::settings::{Settings, StreamSettings};
use super::status::Counts;
use super::stream::Stream;
use super::subjects::Subjects;
use crate::clock::now;
use crate::failure::Failure;
use crate::feed::client::Client;
use crate::feed::moment::Moment;
use crate::feed::{locked, warn};
use crate::input::UNREADABLE;
use entragate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct Receiver {
    ledger: Mutex<Ledger>,
    subjects: Mutex<Subjects>,
    statuses: Mutex<BTreeMap<String, Status>>,
}

/// The state of a stream.
struct Status {
    current_until: Option<Moment>,
    max_stale: Duration,
    counts: Counts,
}

impl Receiver {
    /// `resumed`: the streams for which the operator has dealt with the lost events.
    ///
    /// # Errors
    /// The state file or the file of subjects cannot be used, or a stream cannot be resumed.
    pub fn new(settings: &Settings, resumed: &[String]) -> Result<Self, Failure> {
        let names: Vec<String> = settings
            .streams
            .iter()
            .map(|own| own.name.clone())
            .collect();
        let failure = |text: String| Failure::of(UNREADABLE, "--ssf", text);
        let issuing = settings.streams.iter().filter(|own| own.issues_tokens);
        let lives = Lives {
            token: settings.token_life,
            issuing: issuing.map(|own| own.name.clone()).collect(),
        };
        let mut ledger = Ledger::open(&settings.state, &names, lives).map_err(failure)?;
        for name in resumed {
            let resumed = ledger.resume(name);
            resumed.map_err(|text| Failure::of(UNREADABLE, "--resume", text))?;
        }
        let status = |own: &StreamSettings| {
            let status = Status {
                current_until: None,
                max_stale: own.max_stale,
                counts: Counts::default(),
            };
            (own.name.clone(), status)
        };
        Ok(Self {
            ledger: Mutex::new(ledger),
            subjects: Mutex::new(Subjects::open(settings.subjects.clone()).map_err(failure)?),
            statuses: Mutex::new(settings.streams.iter().map(status).collect()),
        })
    }

    /// Polls a stream until the process ends. `publish` publishes the revocations.
    pub fn follow(
        self: &Arc<Self>,
        settings: StreamSettings,
        client: Client,
        publish: impl Fn() + Send + 'static,
    ) {
        let receiver = self.clone();
        std::thread::spawn(move || {
            let mut stream = Stream::new(settings, client);
            let mut reported: Vec<String> = Vec::new();
            loop {
                let step = stream.poll(&receiver.ledger);
                if let Some(status) = locked(&receiver.statuses).get_mut(stream.name()) {
                    status.counts = stream.counts().clone();
                    status.current_until = stream.current_until();
                }
                publish();
                // The same failure is reported only once.
                for text in step.log.iter().filter(|text| !reported.contains(text)) {
                    warn(&format!("stream {}: {text}", stream.name()));
                }
                reported = step.log;
                std::thread::sleep(step.pause);
            }
        });
    }

    /// Reports whether all streams are current.
    ///
    /// # Errors
    /// The reason.
    pub fn availability(&self, now: Moment) -> Result<(), String> {
        for (name, status) in &*locked(&self.statuses) {
            let interruption = locked(&self.ledger).interruption(name);
            let reason = match (interruption, status.current_until) {
                (Some(Interruption::Suspended), _) => "is paused or disabled by the transmitter",
                (Some(Interruption::Gap), _) => {
                    "was disabled by the transmitter, so events are lost; revoke the access of accounts that may \
                     have lost it in the meantime, then start with --resume"
                }
                (None, None) => "has not been current yet",
                (None, Some(until)) if now.since(until) > status.max_stale => {
                    "has not been current for too long"
                }
                (None, Some(_)) => continue,
            };
            return Err(format!("stream {name} {reason}"));
        }
        Ok(())
    }

    /// Returns version numbers of the events and of the file of subjects, which is read again if it has changed.
    pub fn version(&self) -> (u64, u64) {
        let mut subjects = locked(&self.subjects);
        if let Some(text) = subjects.refresh() {
            warn(&text);
        }
        (locked(&self.ledger).version(), subjects.version())
    }

    pub fn revoked(&self, now: Timestamp) -> Revoked {
        let subjects = locked(&self.subjects);
        locked(&self.ledger).revoked(subjects.objects(), now)
    }

    /// Returns the status of each stream, for the operator.
    pub fn status(&self) -> Value {
        let unnamed = self.revoked(now()).unnamed;
        let streams = locked(&self.statuses);
        let streams: Map<String, Value> = streams
            .iter()
            .map(|(name, status)| {
                let mut value = status.counts.json();
                let until = status.current_until.map(|until| until.wall.to_rfc3339());
                let interruption = locked(&self.ledger).interruption(name);
                value["current_until"] = json!(until);
                value["suspended"] = json!(interruption == Some(Interruption::Suspended));
                value["has_lost_events"] = json!(interruption == Some(Interruption::Gap));
                (name.clone(), value)
            })
            .collect();
        let (entries, limit) = locked(&self.ledger).size();
        json!({"streams": streams, "accounts_without_object": unnamed, "entries": entries, "entries_limit": limit})
    }
}
