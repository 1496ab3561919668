//! Calls to other services and the effects of their answers. A [`CallId`] connects an answer with its
//! call.

use crate::credential::call::CredentialCall;
use crate::export;
use crate::fetch::callout::{Answer, Callout};
use crate::fetch::refresh::Attempt;
use crate::gate::fetch::shared_resource::SharedResource;
use crate::gate::request::pending::Dependency;
use crate::gate::{Call, Gate, Notice};
use crate::groups::{LookupId, Lookups};
use crate::keys::issuer_keys::{self, Fetch, Stage};
use crate::metrics::{self, FetchOutcome};
use crate::revocation::feed;
use crate::service_auth::auth::{Auth, Fetch as TokenFetch, ServiceTokenId};
use crate::service_auth::service_token;
use crate::time::Timestamp;
use log::Level;

/// Identifies a call, so that its answer reaches the right component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallId {
    /// A fetch of keys; `ring` is the issuer's index.
    Keys {
        ring: usize,
        stage: Stage,
        attempt: Attempt,
    },
    /// A fetch of the revocation feed.
    Revocation(Attempt),
    /// A page of a directory's list; `list` is the index of the list, `number` the number of the call.
    Directory {
        list: usize,
        attempt: Attempt,
        number: u32,
    },
    /// A batch of audit records.
    Export(export::Attempt),
    /// A fetch of a service token.
    ServiceToken {
        id: ServiceTokenId,
        attempt: Attempt,
    },
    /// A call for a credential's value.
    Credential(CredentialCall),
    /// A call of a group lookup.
    Groups {
        issuer: usize,
        id: LookupId,
        part: usize,
    },
}

/// The VM that made a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum Origin {
    Own,
    /// Another VM, whose answer this VM has taken over.
    Shared,
}

impl Origin {
    /// Returns the outcome of a fetch for its counter.
    pub(in crate::gate) fn outcome(self, good: bool) -> FetchOutcome {
        match (self, good) {
            (_, false) => FetchOutcome::Failed,
            (Self::Own, true) => FetchOutcome::Good,
            (Self::Shared, true) => FetchOutcome::Shared,
        }
    }

    /// Returns the log level: only the VM that made the fetch logs the fetch at info.
    pub(in crate::gate) fn level(self) -> Level {
        match self {
            Self::Own => Level::Info,
            Self::Shared => Level::Debug,
        }
    }
}

impl Call {
    pub(in crate::gate) fn for_keys(ring: usize, fetch: Fetch) -> Self {
        let Fetch {
            stage,
            attempt,
            callout,
        } = fetch;
        let call_id = CallId::Keys {
            ring,
            stage,
            attempt,
        };
        Self { call_id, callout }
    }

    fn for_lease((id, attempt, callout): TokenFetch) -> Self {
        let call_id = CallId::ServiceToken { id, attempt };
        Self { call_id, callout }
    }
}

impl Gate {
    /// Begins the calls that are due.
    pub(in crate::gate) fn begin_due(&mut self, now: Timestamp) {
        let fetches = self.service_tokens.due(now);
        self.calls.extend(fetches.into_iter().map(Call::for_lease));
        for (index, ring) in self.issuer_keys.iter_mut().enumerate() {
            let fetch = ring.due(now);
            self.calls
                .extend(fetch.map(|fetch| Call::for_keys(index, fetch)));
        }
        if let Some(feed) = &mut self.revocation.feed {
            let waits_for_token = self.service_tokens.is_coming(feed.auth(), now);
            let fetch = (!waits_for_token).then(|| feed.due(now)).flatten();
            let warning = feed.take_warning(now);
            self.notices
                .extend(warning.map(|text| Notice::Log(Level::Error, text)));
            if let Some((attempt, callout)) = fetch {
                self.call(CallId::Revocation(attempt), callout, now);
            }
        }
        self.begin_due_pages(now);
        self.begin_due_credentials(now);
        self.begin_export(now);
        self.begin_lookups(now);
    }

    /// Queues a call with its service token. Without the token, the call fails immediately.
    pub(in crate::gate) fn call(&mut self, call_id: CallId, callout: Callout, now: Timestamp) {
        match self
            .service_tokens
            .authorize(callout, self.auth_of(call_id), now)
        {
            Ok(callout) => self.calls.push(Call { call_id, callout }),
            Err(error) => self.answered(call_id, Answer::Failed(error), now),
        }
    }

    /// Returns how a call authenticates.
    fn auth_of(&self, call_id: CallId) -> Option<&Auth> {
        match call_id {
            CallId::Keys { .. } | CallId::ServiceToken { .. } => None,
            CallId::Revocation(_) => self.revocation.feed.as_ref()?.auth(),
            CallId::Directory { list, .. } => {
                let list = self.revocation.directories.get(list)?;
                Some(&list.source().auth)
            }
            CallId::Credential(credential_call) => self.credential_store.auth_of(credential_call),
            CallId::Export(_) => self.exporter.as_ref()?.auth(),
            CallId::Groups { issuer, .. } => {
                let lookups = self.lookups.get(issuer)?.as_ref();
                lookups.map(Lookups::auth)
            }
        }
    }

    /// Takes the answer to a callout and queues the wake-ups that follow from it.
    pub fn answered(&mut self, call_id: CallId, answer: Answer, now: Timestamp) {
        if answer.status() == Some(401) {
            let auth = self.auth_of(call_id).cloned();
            let fetch = self.service_tokens.refused(auth.as_ref(), now);
            self.calls.extend(fetch.map(Call::for_lease));
        }
        let dependency = match call_id {
            CallId::Keys {
                ring,
                stage,
                attempt,
            } => {
                let dependency = self.keys_answered(ring, stage, attempt, answer, now);
                dependency.into_iter().collect()
            }
            CallId::Revocation(attempt) => {
                let dependency = self.feed_answered(attempt, answer, now);
                dependency.into_iter().collect()
            }
            CallId::Directory { .. } => {
                let dependency = self.page_answered(call_id, answer, now);
                dependency.into_iter().collect()
            }
            CallId::Export(attempt) => {
                self.export_answered(attempt, &answer, now);
                Vec::new()
            }
            CallId::ServiceToken { id, attempt } => {
                self.token_answered(id, attempt, answer, now);
                Vec::new()
            }
            CallId::Groups { issuer, id, part } => {
                self.groups_answered(issuer, (id, part), answer, now)
            }
            CallId::Credential(credential_call) => {
                let dependency = self.credential_answered(credential_call, &answer, now);
                dependency.into_iter().collect()
            }
        };
        self.wake(dependency);
    }

    /// Queues wake-ups for the requests that wait for the dependencies.
    pub(in crate::gate) fn wake(&mut self, dependency: impl IntoIterator<Item = Dependency>) {
        for dependency in dependency {
            self.wakeups.extend(self.waiting.waiting_for(dependency));
        }
    }

    /// Returns the dependency whose requests must be woken.
    fn keys_answered(
        &mut self,
        index: usize,
        stage: Stage,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Option<Dependency> {
        let resource = SharedResource::Keys(index);
        self.sharing.keep(resource, attempt, &answer);
        let ring = self.issuer_keys.get_mut(index)?;
        let progress = ring.answered(stage, attempt, answer, now);
        match &progress {
            issuer_keys::Progress::Next(_) | issuer_keys::Progress::Late => {}
            issuer_keys::Progress::Renewed { .. } => {
                self.sharing.ended(resource, attempt, true, now)
            }
            issuer_keys::Progress::Failed(_) => self.sharing.ended(resource, attempt, false, now),
        }
        self.keys_progressed(index, progress, Origin::Own)
    }

    /// Returns the dependency whose requests must be woken.
    pub(in crate::gate) fn keys_progressed(
        &mut self,
        index: usize,
        progress: issuer_keys::Progress,
        origin: Origin,
    ) -> Option<Dependency> {
        let issuer = self.config.issuers.get(index);
        let issuer = issuer.map_or("", |issuer| &issuer.name);
        let (good, level, text) = match progress {
            issuer_keys::Progress::Next(fetch) => {
                self.calls.push(Call::for_keys(index, fetch));
                return None;
            }
            issuer_keys::Progress::Late => return None,
            issuer_keys::Progress::Renewed {
                keys,
                dropped,
                duplicates,
            } => {
                if dropped {
                    self.cache.forget_issuer(index);
                }
                let change = if dropped {
                    ", an old key was removed"
                } else {
                    ""
                };
                let shared = match duplicates {
                    0 => String::new(),
                    keys => format!(", {keys} with a duplicate kid"),
                };
                let text = format!("issuer {issuer}: {keys} usable keys{change}{shared}");
                (true, origin.level(), text)
            }
            issuer_keys::Progress::Failed(error) => {
                let text = format!(
                    "issuer {issuer}: its keys could not be fetched: {error}; the last valid keys \
                     remain in use until max_stale"
                );
                (false, Level::Warn, text)
            }
        };
        let count = metrics::key_fetch(issuer, origin.outcome(good));
        self.notices.push(Notice::Count(count.into()));
        self.notices.push(Notice::Log(level, text));
        Some(Dependency::Keys(index))
    }

    fn feed_answered(
        &mut self,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Option<Dependency> {
        self.sharing.keep(SharedResource::Feed, attempt, &answer);
        let feed = self.revocation.feed.as_mut()?;
        let progress = feed.answered(attempt, answer, now);
        match progress {
            feed::Progress::Late => {}
            feed::Progress::Renewed { .. } => {
                self.sharing.ended(SharedResource::Feed, attempt, true, now);
            }
            feed::Progress::Failed(_) => {
                self.sharing
                    .ended(SharedResource::Feed, attempt, false, now);
            }
        }
        self.feed_progressed(progress, Origin::Own)
    }

    pub(in crate::gate) fn feed_progressed(
        &mut self,
        progress: feed::Progress,
        origin: Origin,
    ) -> Option<Dependency> {
        let (good, log) = match progress {
            feed::Progress::Late => return None,
            feed::Progress::Renewed { entries, changed } => {
                let text = format!("the revocation feed has {entries} entries");
                (true, changed.then_some(Notice::Log(origin.level(), text)))
            }
            feed::Progress::Failed(error) => {
                let text = format!(
                    "the revocation feed could not be fetched: {error}; the last valid feed remains \
                     in use until max_stale"
                );
                (false, Some(Notice::Log(Level::Warn, text)))
            }
        };
        let count = Notice::Count(metrics::revocation_fetch(origin.outcome(good)).into());
        self.notices.extend([count].into_iter().chain(log));
        Some(Dependency::Revocation)
    }

    /// Takes the answer to a service token's fetch. Calls that need the token begin at the next tick.
    fn token_answered(
        &mut self,
        id: ServiceTokenId,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) {
        let Some((progress, name)) = self.service_tokens.answered(id, attempt, answer, now) else {
            return;
        };
        let (good, level, text) = match progress {
            service_token::Progress::Late => return,
            service_token::Progress::Renewed { life, returned } => {
                if returned {
                    self.credential_store.hurry(now);
                    self.revocation.hurry(now);
                    if let Some(exporter) = &mut self.exporter {
                        exporter.hurry();
                    }
                }
                let text = format!(
                    "a token of the {name} was fetched, valid for {} s",
                    life.as_secs()
                );
                (true, Level::Info, text)
            }
            service_token::Progress::Failed(error) => {
                let text = format!("a token of the {name} could not be fetched: {error}");
                (false, Level::Warn, text)
            }
        };
        self.notices
            .push(Notice::Count(metrics::lease_fetch(good).into()));
        self.notices.push(Notice::Log(level, text));
    }
}
