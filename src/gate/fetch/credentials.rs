//! Fetched credentials: their calls, the answers, and rejections by the upstream.

use crate::credential::call::CredentialCall;
use crate::credential::store::{Change, Progress};
use crate::fetch::callout::Answer;
use crate::gate::fetch::answers::CallId;
use crate::gate::request::pending::Dependency;
use crate::gate::{Gate, Notice, StreamId};
use crate::metrics;
use crate::time::Timestamp;
use log::Level;

impl Gate {
    /// Handles the upstream's rejection (401) of a request's credential. A polled credential is fetched
    /// again, unless its value has been replaced since the request was forwarded. An exchanged token is
    /// exchanged again when it is next needed. Calls go out at the next [`Gate::take_calls`].
    pub fn credential_rejected(&mut self, id: StreamId, now: Timestamp) {
        let exchange = self.exchanges.get(&id);
        if let Some(carried) = exchange.and_then(|exchange| exchange.carried.as_ref()) {
            self.credential_store.rejected(carried, now);
        }
        self.call_for_credentials(now);
    }

    /// Begins the credential calls that are due.
    pub(in crate::gate) fn begin_due_credentials(&mut self, now: Timestamp) {
        let service_tokens = &self.service_tokens;
        let changes = self
            .credential_store
            .tick(now, |auth| service_tokens.is_coming(auth, now));
        self.notices
            .extend(changes.iter().map(|(name, change)| match change {
                Change::Lapsed => {
                    let text = format!(
                        "credential {name}: the last valid value is older than max_stale; requests \
                         that need it are denied"
                    );
                    Notice::Log(Level::Error, text)
                }
                Change::Evicted => Notice::Count(metrics::exchange(name, "evicted").into()),
            }));
        self.call_for_credentials(now);
    }

    /// Makes the calls that the credential store needs.
    pub(in crate::gate) fn call_for_credentials(&mut self, now: Timestamp) {
        for (credential_call, callout) in self.credential_store.take_calls() {
            self.call(CallId::Credential(credential_call), callout, now);
        }
    }

    pub(in crate::gate) fn credential_answered(
        &mut self,
        credential_call: CredentialCall,
        answer: &Answer,
        now: Timestamp,
    ) -> Option<Dependency> {
        let report = self
            .credential_store
            .answered(credential_call, answer, now)?;
        let name = &report.name;
        let fetched = |good| metrics::credential_fetch(name, good);
        let exchanged = |outcome| metrics::exchange(name, outcome);
        let (count, log) = match report.progress {
            Progress::Renewed { changed } => {
                let text = format!("credential {name}: a new value is in use");
                (fetched(true), changed.then_some((Level::Info, text)))
            }
            Progress::Failed(error) => {
                let text = format!(
                    "credential {name}: it could not be fetched: {error}; the last valid value \
                     remains in use until max_stale"
                );
                (fetched(false), Some((Level::Warn, text)))
            }
            Progress::Exchanged => (exchanged("good"), None),
            Progress::NotAMember => (exchanged("refused"), None),
            Progress::ExchangeFailed { error, is_first } => {
                let text = format!("credential {name}: a token exchange failed: {error}");
                (exchanged("failed"), is_first.then_some((Level::Warn, text)))
            }
        };
        self.notices.push(Notice::Count(count.into()));
        let log = log.map(|(level, text)| Notice::Log(level, text));
        self.notices.extend(log);
        Some(Dependency::Credential(report.coming))
    }
}
