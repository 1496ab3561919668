//! The transmitter's keys (JWKS), fetched when they are needed and kept for an hour.

use crate::feed::client::Client;
use entragate::fetch::callout::{Answer, Callout, Target};
use entragate::keys::keyset::KeySet;
use entragate::time::Timestamp;
use std::time::Duration;

/// How long keys are used without another fetch.
const FRESH: Duration = Duration::from_secs(3600);
/// How long keys are used while they cannot be fetched.
const USABLE: Duration = Duration::from_secs(24 * 3600);
/// The shortest time between two fetches.
const COOLDOWN: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Keys {
    source: Target,
    known: Option<(KeySet, Timestamp)>,
    tried: Option<Timestamp>,
}

impl Keys {
    pub const fn new(source: Target) -> Self {
        Self {
            source,
            known: None,
            tried: None,
        }
    }

    /// Returns the keys. `since`: fetched at that time or later.
    ///
    /// # Errors
    /// A text for the operator, if there are none that may be used.
    pub fn get(
        &mut self,
        client: &Client,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<&KeySet, String> {
        let age = |fetched: Timestamp| now.since(fetched);
        let is_fresh = self.known.as_ref().is_some_and(|(_, fetched)| {
            age(*fetched) < FRESH && since.is_none_or(|since| *fetched >= since)
        });
        let may_fetch = self.tried.is_none_or(|tried| age(tried) >= COOLDOWN);
        let mut failure = "they were fetched a moment ago".to_owned();
        if !is_fresh && may_fetch {
            self.tried = Some(now);
            match read(client, &Callout::get(self.source.clone(), TIMEOUT)) {
                Ok(keys) => self.known = Some((keys, now)),
                Err(error) => failure = error,
            }
        }
        let known = self.known.as_ref().filter(|(_, fetched)| {
            age(*fetched) < USABLE && since.is_none_or(|since| *fetched >= since)
        });
        let keys = known.map(|(keys, _)| keys);
        keys.ok_or_else(|| format!("the keys could not be fetched: {failure}"))
    }
}

fn read(client: &Client, callout: &Callout) -> Result<KeySet, String> {
    match client.call(callout) {
        Answer::Response { status: 200, body } => {
            KeySet::from_json(&body).map_err(|error| error.to_string())
        }
        Answer::Response { status, .. } => Err(format!("the answer has status {status}")),
        Answer::Failed(error) => Err(client.explain(&error)),
    }
}
