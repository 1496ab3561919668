//! What goes out to other services, and what their answers change: each belongs to something by its
//! ticket.

use super::shared::Thing;
use super::waiting::Awaited;
use super::{Call, Gate, Notice};
use crate::callout::{Answer, Callout};
use crate::credential::auth::{Auth, Fetch as TokenFetch, LeaseId};
use crate::credential::lease;
use crate::credential::wallet::Errand;
use crate::export;
use crate::groups::{LookupId, Lookups};
use crate::keys::refresh::Attempt;
use crate::keys::ring::{self, Fetch, Stage};
use crate::metrics::{self, FetchOutcome};
use crate::revocation;
use crate::time::Timestamp;
use log::Level;

/// What an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// A fetch of that ring's keys.
    Keys {
        ring: usize,
        stage: Stage,
        attempt: Attempt,
    },
    /// A fetch of the revocation feed.
    Revocation(Attempt),
    /// A batch of audit records.
    Export(export::Attempt),
    /// A fetch of a token of our own.
    Lease { id: LeaseId, attempt: Attempt },
    /// A call for a credential's value.
    Credential(Errand),
    /// A call of a look-up of groups.
    Groups {
        issuer: usize,
        id: LookupId,
        part: usize,
    },
}

/// Who has made a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Own,
    /// Another VM, whose answer we have taken over.
    Shared,
}

impl Origin {
    /// How a fetch has ended, for its counter.
    fn outcome(self, good: bool) -> FetchOutcome {
        match (self, good) {
            (_, false) => FetchOutcome::Failed,
            (Self::Own, true) => FetchOutcome::Good,
            (Self::Shared, true) => FetchOutcome::Shared,
        }
    }

    /// News are told by whoever has them first.
    fn level(self) -> Level {
        match self {
            Self::Own => Level::Info,
            Self::Shared => Level::Debug,
        }
    }
}

impl Call {
    pub(super) fn for_keys(ring: usize, fetch: Fetch) -> Self {
        let Fetch {
            stage,
            attempt,
            callout,
        } = fetch;
        let ticket = Ticket::Keys {
            ring,
            stage,
            attempt,
        };
        Self { ticket, callout }
    }

    fn for_lease((id, attempt, callout): TokenFetch) -> Self {
        let ticket = Ticket::Lease { id, attempt };
        Self { ticket, callout }
    }
}

impl Gate {
    /// Begins what is due by now.
    pub(super) fn begin_due(&mut self, now: Timestamp) {
        let fetches = self.leases.due(now);
        self.calls.extend(fetches.into_iter().map(Call::for_lease));
        for (index, ring) in self.rings.iter_mut().enumerate() {
            let fetch = ring.due(now);
            self.calls
                .extend(fetch.map(|fetch| Call::for_keys(index, fetch)));
        }
        if let Some(revocation) = &mut self.revocation {
            let waits = self.leases.is_coming(revocation.auth(), now);
            let fetch = (!waits).then(|| revocation.due(now)).flatten();
            let complaint = revocation.complaint(now);
            self.notices
                .extend(complaint.map(|text| Notice::Log(Level::Error, text.to_owned())));
            if let Some((attempt, callout)) = fetch {
                self.call(Ticket::Revocation(attempt), callout, now);
            }
        }
        self.begin_due_credentials(now);
        self.begin_export(now);
        self.begin_lookups(now);
    }

    /// Makes a call with its token; without one it has failed before it began.
    pub(super) fn call(&mut self, ticket: Ticket, callout: Callout, now: Timestamp) {
        match self.leases.authorize(callout, self.auth_of(ticket), now) {
            Ok(callout) => self.calls.push(Call { ticket, callout }),
            Err(error) => self.answered(ticket, Answer::Failed(error), now),
        }
    }

    /// How such a call authenticates.
    fn auth_of(&self, ticket: Ticket) -> Option<&Auth> {
        match ticket {
            Ticket::Keys { .. } | Ticket::Lease { .. } => None,
            Ticket::Revocation(_) => self.revocation.as_ref()?.auth(),
            Ticket::Credential(errand) => self.wallet.auth_of(errand),
            Ticket::Export(_) => self.exporter.as_ref()?.auth(),
            Ticket::Groups { issuer, .. } => {
                let lookups = self.lookups.get(issuer)?.as_ref();
                lookups.map(Lookups::auth)
            }
        }
    }

    /// A callout has ended.
    pub fn answered(&mut self, ticket: Ticket, answer: Answer, now: Timestamp) {
        if answer.status() == Some(401) {
            let auth = self.auth_of(ticket).cloned();
            let fetch = self.leases.refused(auth.as_ref(), now);
            self.calls.extend(fetch.map(Call::for_lease));
        }
        let awaited = match ticket {
            Ticket::Keys {
                ring,
                stage,
                attempt,
            } => {
                let awaited = self.keys_answered(ring, stage, attempt, answer, now);
                awaited.into_iter().collect()
            }
            Ticket::Revocation(attempt) => {
                let awaited = self.feed_answered(attempt, answer, now);
                awaited.into_iter().collect()
            }
            Ticket::Export(attempt) => {
                self.export_answered(attempt, &answer, now);
                Vec::new()
            }
            Ticket::Lease { id, attempt } => {
                self.token_answered(id, attempt, answer, now);
                Vec::new()
            }
            Ticket::Groups { issuer, id, part } => {
                self.groups_answered(issuer, (id, part), answer, now)
            }
            Ticket::Credential(errand) => {
                let awaited = self.credential_answered(errand, &answer, now);
                awaited.into_iter().collect()
            }
        };
        self.wake(awaited);
    }

    /// Those who wait for that are to be judged anew.
    pub(super) fn wake(&mut self, awaited: impl IntoIterator<Item = Awaited>) {
        for awaited in awaited {
            self.wakeups.extend(self.waiting.waiting_for(awaited));
        }
    }

    /// Who waits for that is to be woken.
    fn keys_answered(
        &mut self,
        index: usize,
        stage: Stage,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Option<Awaited> {
        let thing = Thing::Keys(index);
        self.sharing.keep(thing, attempt, &answer);
        let ring = self.rings.get_mut(index)?;
        let progress = ring.answered(stage, attempt, answer, now);
        match &progress {
            ring::Progress::Next(_) | ring::Progress::Late => {}
            ring::Progress::Renewed { .. } => self.sharing.ended(thing, attempt, true, now),
            ring::Progress::Failed(_) => self.sharing.ended(thing, attempt, false, now),
        }
        self.keys_progressed(index, progress, Origin::Own)
    }

    /// Who waits for that is to be woken.
    pub(super) fn keys_progressed(
        &mut self,
        index: usize,
        progress: ring::Progress,
        origin: Origin,
    ) -> Option<Awaited> {
        let issuer = self.config.issuers.get(index);
        let issuer = issuer.map_or("", |issuer| &issuer.name);
        let (good, level, text) = match progress {
            ring::Progress::Next(fetch) => {
                self.calls.push(Call::for_keys(index, fetch));
                return None;
            }
            ring::Progress::Late => return None,
            ring::Progress::Renewed {
                keys,
                dropped,
                duplicates,
            } => {
                if dropped {
                    self.cache.forget_issuer(index);
                }
                let change = if dropped { ", an old one is gone" } else { "" };
                let shared = match duplicates {
                    0 => String::new(),
                    keys => format!(", {keys} of them with the kid of another"),
                };
                let text = format!("issuer {issuer}: {keys} usable keys{change}{shared}");
                (true, origin.level(), text)
            }
            ring::Progress::Failed(error) => {
                let text = format!(
                    "issuer {issuer}: its keys could not be fetched: {error}; the last good ones \
                     serve until max_stale"
                );
                (false, Level::Warn, text)
            }
        };
        let count = metrics::key_fetch(issuer, origin.outcome(good));
        self.notices.push(Notice::Count(count.into()));
        self.notices.push(Notice::Log(level, text));
        Some(Awaited::Keys(index))
    }

    fn feed_answered(
        &mut self,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Option<Awaited> {
        self.sharing.keep(Thing::Feed, attempt, &answer);
        let progress = self.revocation.as_mut()?.answered(attempt, answer, now);
        match progress {
            revocation::Progress::Late => {}
            revocation::Progress::Renewed { .. } => {
                self.sharing.ended(Thing::Feed, attempt, true, now);
            }
            revocation::Progress::Failed(_) => {
                self.sharing.ended(Thing::Feed, attempt, false, now);
            }
        }
        self.feed_progressed(progress, Origin::Own)
    }

    pub(super) fn feed_progressed(
        &mut self,
        progress: revocation::Progress,
        origin: Origin,
    ) -> Option<Awaited> {
        let (good, log) = match progress {
            revocation::Progress::Late => return None,
            revocation::Progress::Renewed { entries, changed } => {
                let text = format!("the revocation feed has {entries} entries");
                (true, changed.then_some(Notice::Log(origin.level(), text)))
            }
            revocation::Progress::Failed(error) => {
                let text = format!(
                    "the revocation feed could not be fetched: {error}; the last good one serves \
                     until max_stale"
                );
                (false, Some(Notice::Log(Level::Warn, text)))
            }
        };
        let count = Notice::Count(metrics::revocation_fetch(origin.outcome(good)).into());
        self.notices.extend([count].into_iter().chain(log));
        Some(Awaited::Revocation)
    }

    /// Whoever needs the token calls with it from the next tick on.
    fn token_answered(&mut self, id: LeaseId, attempt: Attempt, answer: Answer, now: Timestamp) {
        let Some((progress, name)) = self.leases.answered(id, attempt, answer, now) else {
            return;
        };
        let (good, level, text) = match progress {
            lease::Progress::Late => return,
            lease::Progress::Renewed { life, returned } => {
                if returned {
                    self.wallet.hurry(now);
                    if let Some(revocation) = &mut self.revocation {
                        revocation.hurry(now);
                    }
                    if let Some(exporter) = &mut self.exporter {
                        exporter.hurry();
                    }
                }
                let text = format!("a token of the {name} is there, for {} s", life.as_secs());
                (true, Level::Info, text)
            }
            lease::Progress::Failed(error) => {
                let text = format!("a token of the {name} could not be fetched: {error}");
                (false, Level::Warn, text)
            }
        };
        self.notices
            .push(Notice::Count(metrics::lease_fetch(good).into()));
        self.notices.push(Notice::Log(level, text));
    }
}
