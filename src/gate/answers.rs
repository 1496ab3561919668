//! What goes out to other services, and what their answers change: each belongs to something by its
//! ticket.

use super::waiting::Awaited;
use super::{Call, Gate, Notice};
use crate::callout::Answer;
use crate::keys::refresh::Attempt;
use crate::keys::ring::{self, Fetch, Stage};
use crate::metrics;
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
}

impl Gate {
    /// Begins what is due by now.
    pub(super) fn begin_due(&mut self, now: Timestamp) {
        for (index, ring) in self.rings.iter_mut().enumerate() {
            let fetch = ring.due(now);
            self.calls
                .extend(fetch.map(|fetch| Call::for_keys(index, fetch)));
        }
        if let Some(revocation) = &mut self.revocation {
            let fetch = revocation.due(now);
            self.calls.extend(fetch.map(|(attempt, callout)| Call {
                ticket: Ticket::Revocation(attempt),
                callout,
            }));
            let complaint = revocation.complaint(now);
            self.notices
                .extend(complaint.map(|text| Notice::Log(Level::Error, text.to_owned())));
        }
    }

    /// A callout has ended.
    pub fn answered(&mut self, ticket: Ticket, answer: Answer, now: Timestamp) {
        let awaited = match ticket {
            Ticket::Keys {
                ring,
                stage,
                attempt,
            } => self.keys_answered(ring, stage, attempt, answer, now),
            Ticket::Revocation(attempt) => self.feed_answered(attempt, answer, now),
        };
        if let Some(awaited) = awaited {
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
        let progress = self
            .rings
            .get_mut(index)?
            .answered(stage, attempt, answer, now);
        let issuer = self.config.issuers.get(index);
        let issuer = issuer.map_or("", |issuer| &issuer.name);
        let (good, level, text) = match progress {
            ring::Progress::Next(fetch) => {
                self.calls.push(Call::for_keys(index, fetch));
                return None;
            }
            ring::Progress::Late => return None,
            ring::Progress::Renewed { keys, dropped } => {
                if dropped {
                    self.cache.forget_issuer(index);
                }
                let change = if dropped { ", an old one is gone" } else { "" };
                let text = format!("issuer {issuer}: {keys} usable keys{change}");
                (true, Level::Info, text)
            }
            ring::Progress::Failed(error) => {
                let text = format!(
                    "issuer {issuer}: its keys could not be fetched: {error}; the last good ones \
                     serve until max_stale"
                );
                (false, Level::Warn, text)
            }
        };
        self.notices
            .push(Notice::Count(metrics::key_fetch(issuer, good)));
        self.notices.push(Notice::Log(level, text));
        Some(Awaited::Keys(index))
    }

    fn feed_answered(
        &mut self,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Option<Awaited> {
        let progress = self.revocation.as_mut()?.answered(attempt, answer, now);
        let (good, log) = match progress {
            revocation::Progress::Late => return None,
            revocation::Progress::Renewed { entries, changed } => {
                let text = format!("the revocation feed has {entries} entries");
                (true, changed.then_some(Notice::Log(Level::Info, text)))
            }
            revocation::Progress::Failed(error) => {
                let text = format!(
                    "the revocation feed could not be fetched: {error}; the last good one serves \
                     until max_stale"
                );
                (false, Some(Notice::Log(Level::Warn, text)))
            }
        };
        let count = Notice::Count(metrics::revocation_fetch(good));
        self.notices.extend([count].into_iter().chain(log));
        Some(Awaited::Revocation)
    }
}
