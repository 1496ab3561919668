//! All streams: each is polled by a thread of its own.

use super::ledger::{Ledger, Revoked};
use super::settings::{Settings, StreamSettings};
use super::status::Counts;
use super::stream::Stream;
use super::subjects::Subjects;
use crate::clock::now;
use crate::failure::Failure;
use crate::feed::client::Client;
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

/// What is known of a stream.
struct Status {
    current_until: Option<Timestamp>,
    max_stale: Duration,
    counts: Counts,
}

impl Receiver {
    /// # Errors
    /// The state file or the file of subjects cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Failure> {
        let names: Vec<String> = settings
            .streams
            .iter()
            .map(|own| own.name.clone())
            .collect();
        let failure = |text: String| Failure::of(UNREADABLE, "--ssf", text);
        let ledger = Ledger::open(&settings.state, &names, settings.token_life);
        let status = |own: &StreamSettings| {
            let status = Status {
                current_until: None,
                max_stale: own.max_stale,
                counts: Counts::default(),
            };
            (own.name.clone(), status)
        };
        Ok(Self {
            ledger: Mutex::new(ledger.map_err(failure)?),
            subjects: Mutex::new(Subjects::open(settings.subjects.clone()).map_err(failure)?),
            statuses: Mutex::new(settings.streams.iter().map(status).collect()),
        })
    }

    /// Polls a stream until the process ends. `publish` publishes what is revoked.
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
                let step = stream.poll(&receiver.ledger, now);
                if let Some(status) = locked(&receiver.statuses).get_mut(stream.name()) {
                    status.counts = stream.counts().clone();
                    status.current_until = stream.current_until();
                }
                publish();
                // The same failure is not reported again and again.
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
    pub fn availability(&self, now: Timestamp) -> Result<(), String> {
        for (name, status) in &*locked(&self.statuses) {
            let limit = |until: Timestamp| until.plus(status.max_stale);
            let reason = match status.current_until {
                _ if locked(&self.ledger).is_suspended(name) => {
                    "is paused or disabled by the transmitter"
                }
                None => "has not been polled yet",
                Some(until) if limit(until) < now => "could not be polled for too long",
                Some(_) => continue,
            };
            return Err(format!("stream {name} {reason}"));
        }
        Ok(())
    }

    /// Returns numbers that grow with the events and with the file of subjects, which is read again if it has changed.
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

    /// Returns what each stream has received, for the operator.
    pub fn status(&self) -> Value {
        let unnamed = self.revoked(now()).unnamed;
        let streams = locked(&self.statuses);
        let streams: Map<String, Value> = streams
            .iter()
            .map(|(name, status)| {
                let mut value = status.counts.json();
                value["current_until"] = json!(status.current_until.map(Timestamp::to_rfc3339));
                value["suspended"] = json!(locked(&self.ledger).is_suspended(name));
                (name.clone(), value)
            })
            .collect();
        json!({"streams": streams, "accounts_without_object": unnamed})
    }
}
