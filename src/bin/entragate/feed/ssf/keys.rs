//! The transmitter's keys (JWKS), fetched when they are needed and kept for an hour.

use crate::feed::client::Client;
use crate::feed::moment::Moment;
use entragate::fetch::callout::{Answer, Callout, Target};
use entragate::keys::keyset::KeySet;
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
    known: Option<Known>,
    tried: Option<Moment>,
}

/// Keys, and when they were fetched.
#[derive(Debug)]
pub struct Known {
    pub keys: KeySet,
    pub fetched: Moment,
}

impl Keys {
    pub const fn new(source: Target) -> Self {
        Self {
            source,
            known: None,
            tried: None,
        }
    }

    /// Returns the keys, which are fetched if they are not fresh.
    ///
    /// # Errors
    /// A text for the operator, if there are no usable keys.
    pub fn get(&mut self, client: &Client, now: Moment) -> Result<&Known, String> {
        let age = |known: &Known| now.since(known.fetched);
        let mut failure = None;
        if self.known.as_ref().is_none_or(|known| age(known) >= FRESH) {
            failure = self.fetch(client, now).err();
        }
        let known = self.known.as_ref().filter(|known| age(known) < USABLE);
        known.ok_or_else(|| {
            let failure = failure.unwrap_or_default();
            format!("the keys could not be fetched: {failure}")
        })
    }

    /// Fetches the keys, unless a fetch was tried a moment ago. If the fetch fails, the previous keys remain in use.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn fetch(&mut self, client: &Client, now: Moment) -> Result<(), String> {
        if self.tried.is_some_and(|tried| now.since(tried) < COOLDOWN) {
            return Err("a fetch was tried a moment ago".to_owned());
        }
        self.tried = Some(now);
        let keys = read(client, &Callout::get(self.source.clone(), TIMEOUT))?;
        let fetched = now;
        self.known = Some(Known { keys, fetched });
        Ok(())
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
