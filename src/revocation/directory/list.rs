//! One list over time: a full pass over all pages, then, every `refresh`, the changes since. A state machine without
//! I/O: calls and answers are values.
//!
//! A *round* consists of the pages from one delta link to the next; the first round is a full pass. Pages are applied
//! one after the other, so after a failure, the same worker continues the round, and keeps the right to fetch in the
//! meantime. Changes may be repeated, so a round may also be repeated, for example by another worker.

mod answer;
mod round;

use self::answer::read;
use self::round::Round;
use super::entries::Entries;
use super::page::{Link, Next, Page};
use super::{Collection, ListError, Source};
use crate::decision::ListUnavailable;
use crate::fetch::callout::{Answer, Callout};
use crate::fetch::refresh::{Attempt, Backoff, Refresh};
use crate::fetch::shared::SharedFetch;
use crate::revocation::unavailable;
use crate::time::Timestamp;

/// The maximum number of pages that one worker reads between two ticks, which bounds the time for which it delays
/// requests.
pub const PAGES_PER_TICK: u32 = 8;
/// The maximum number of pages of one round.
pub const PAGES_PER_ROUND: u32 = 100_000;
/// The list of one kind of directory objects.
#[derive(Debug)]
pub struct DirectoryList {
    source: Source,
    collection: Collection,
    refresh: Refresh,
    entries: Entries,
    /// The link at which the next round begins. `None`: it begins with a full pass.
    delta: Option<Link>,
    round: Option<Round>,
    /// The number of calls made so far; identifies the open call.
    calls: u32,
    /// The call whose answer is expected.
    open: Option<u32>,
    /// The time at which the fetch continues with a page.
    continues: Option<(Attempt, Timestamp)>,
    pages_left: u32,
    /// The time of the last round that changed something.
    changed: Option<Timestamp>,
    /// Whether an answer has arrived, or another worker's fetch has failed.
    tried: bool,
    /// Whether the last round had no room for some entries.
    full: bool,
    reported: bool,
}

/// A call for a page, without its authorization.
#[derive(Debug)]
pub struct PageCall {
    pub attempt: Attempt,
    pub number: u32,
    pub callout: Callout,
}

/// The effect of an answer.
#[derive(Debug)]
pub enum Progress {
    /// A page of a round that continues. `None`: the next call follows at the next tick.
    Page(Option<PageCall>),
    /// The service has discarded the state of the last round, so a full pass begins. The list remains in use.
    Restarted(PageCall),
    /// The round is complete. The list is as old as the round's first page, so after a slow round it may be stale.
    Renewed {
        entries: usize,
        changes: usize,
        was_full_pass: bool,
    },
    /// The answer was unusable. The list remains in use until `max_stale`. `ended`: the fetch has ended; otherwise it
    /// continues after a pause.
    Failed { error: ListError, ended: bool },
    /// The answer is too late and is ignored.
    Late,
}

impl DirectoryList {
    pub fn new(source: Source, collection: Collection, now: Timestamp) -> Self {
        Self {
            refresh: Refresh::new(source.schedule, now),
            entries: Entries::new(source.entries, source.token_life),
            collection,
            source,
            delta: None,
            round: None,
            calls: 0,
            open: None,
            continues: None,
            pages_left: PAGES_PER_TICK,
            changed: None,
            tried: false,
            full: false,
            reported: false,
        }
    }

    pub const fn source(&self) -> &Source {
        &self.source
    }

    pub const fn collection(&self) -> Collection {
        self.collection
    }

    /// Returns the name in log lines.
    pub fn name(&self) -> String {
        format!(
            "issuer {}: the {}",
            self.source.issuer,
            self.collection.list().name()
        )
    }

    pub const fn entries(&self) -> &Entries {
        &self.entries
    }

    pub const fn refresh(&self) -> &Refresh {
        &self.refresh
    }

    /// Returns when the list last changed.
    pub const fn changed(&self) -> Option<Timestamp> {
        self.changed
    }

    /// Returns a call to start now. Called on every tick.
    pub fn due(&mut self, now: Timestamp) -> Option<PageCall> {
        self.pages_left = PAGES_PER_TICK;
        if let Some((attempt, at)) = self.continues
            && self.refresh.is_under_way(attempt)
        {
            self.refresh.sent(attempt, now);
            return (at <= now).then(|| self.call(attempt));
        }
        let attempt = self.refresh.due(now)?;
        let delta = &self.delta;
        self.round
            .get_or_insert_with(|| Round::new(delta.clone(), now));
        Some(self.call(attempt))
    }

    /// Retries soon, because the cause of the last failure may be gone.
    pub fn hurry(&mut self, now: Timestamp) {
        self.refresh.hurry(now);
    }

    /// Processes the answer to a call.
    pub fn answered(
        &mut self,
        attempt: Attempt,
        number: u32,
        answer: Answer,
        now: Timestamp,
    ) -> Progress {
        if self.open != Some(number) || !self.refresh.is_under_way(attempt) {
            return Progress::Late;
        }
        self.open = None;
        self.tried = true;
        let Some(round) = &mut self.round else {
            return Progress::Late;
        };
        match read(answer, &self.source, now) {
            Ok(page) => self.page(attempt, page, now),
            // A service that repeatedly discards its state must not be called without pauses.
            Err(error) if error.asks_for_restart(round.link.is_some()) && round.has_restarted => {
                self.restart_later();
                self.failed(attempt, error, now)
            }
            Err(error) if error.asks_for_restart(round.link.is_some()) => {
                self.delta = None;
                *round = Round {
                    has_restarted: true,
                    ..Round::new(None, now)
                };
                self.refresh.sent(attempt, now);
                Progress::Restarted(self.call(attempt))
            }
            Err(error) => {
                let longest = self.source.schedule.refresh;
                if let Some(pause) = round.pause_after(&error, longest) {
                    self.continues = Some((attempt, now.plus(pause)));
                    let ended = false;
                    return Progress::Failed { error, ended };
                }
                if round.has_bad_link() {
                    self.restart_later();
                }
                self.failed(attempt, error, now)
            }
        }
    }

    fn page(&mut self, attempt: Attempt, page: Page, now: Timestamp) -> Progress {
        let Some(round) = &mut self.round else {
            return Progress::Late;
        };
        if round.is_full_pass && round.pages == 0 {
            self.entries.begin_pass();
        }
        round.pages += 1;
        round.changes += page.changes.len();
        // The round continues without room, since later changes may free some.
        round.lacks_entries |= self.entries.apply(&page.changes, now).is_err();
        match page.next {
            Next::Page(link) if round.is_circle(&link) => {
                self.restart_later();
                self.failed(attempt, ListError::Circle, now)
            }
            Next::Page(_) if round.pages >= PAGES_PER_ROUND => {
                self.restart_later();
                self.failed(attempt, ListError::TooManyPages, now)
            }
            Next::Page(link) => {
                round.link = Some(link);
                (round.failures, round.bad_pages) = (0, 0);
                self.refresh.sent(attempt, now);
                self.pages_left = self.pages_left.saturating_sub(1);
                if self.pages_left > 0 {
                    Progress::Page(Some(self.call(attempt)))
                } else {
                    self.continues = Some((attempt, now));
                    Progress::Page(None)
                }
            }
            Next::Delta(link) => self.complete(attempt, link, now),
        }
    }

    /// Ends the round.
    fn complete(&mut self, attempt: Attempt, link: Link, now: Timestamp) -> Progress {
        let Some(round) = self.round.take() else {
            return Progress::Late;
        };
        // Changes during a full pass are known only after the next round, which therefore follows immediately.
        let next = if round.is_full_pass {
            self.entries.end_pass(now);
            now
        } else {
            round.began.plus(self.source.schedule.refresh).max(now)
        };
        self.entries.expire(now);
        if round.lacks_entries {
            self.full = true;
            self.restart_later();
            let entries = self.source.entries;
            return self.failed(attempt, ListError::TooMany { entries }, now);
        }
        if !self.refresh.succeeded_until(attempt, round.began, next) {
            return Progress::Late;
        }
        self.delta = Some(link);
        self.renewed();
        if round.changes > 0 {
            self.changed = Some(now);
        }
        Progress::Renewed {
            entries: self.entries.len(),
            changes: round.changes,
            was_full_pass: round.is_full_pass,
        }
    }

    fn renewed(&mut self) {
        self.tried = true;
        self.full = false;
        self.reported = false;
    }

    fn failed(&mut self, attempt: Attempt, error: ListError, now: Timestamp) -> Progress {
        self.refresh.failed_for(attempt, now, error.pause());
        let ended = true;
        Progress::Failed { error, ended }
    }

    /// Makes the next fetch begin with a full pass.
    fn restart_later(&mut self) {
        self.delta = None;
        self.round = None;
    }

    fn call(&mut self, attempt: Attempt) -> PageCall {
        self.continues = None;
        self.calls = self.calls.wrapping_add(1);
        self.open = Some(self.calls);
        let mut target = self.source.graph.clone();
        let link = self.round.as_ref().and_then(|round| round.link.as_ref());
        target.path = match link {
            Some(link) => link.path().to_owned(),
            None => [target.path.as_str(), self.collection.query()].concat(),
        };
        let callout = Callout::get(target, self.source.schedule.timeout);
        PageCall {
            attempt,
            number: self.calls,
            callout: callout.header("prefer", PAGE_SIZE),
        }
    }

    /// Returns why the list may not be used; `None` if it may be used.
    pub fn unavailable(&self, now: Timestamp) -> Option<ListUnavailable> {
        if self.full {
            return Some(ListUnavailable::TooManyEntries);
        }
        unavailable(&self.refresh, now)
    }

    /// Returns whether at least one answer has arrived. Before that, requests wait for the list even if they could be
    /// decided without it.
    pub const fn is_tried(&self) -> bool {
        self.tried
    }

    /// Returns why the list is unavailable, only once until it is available again. Returns `None` while the first pass
    /// is running. Must be called on every tick.
    pub fn take_warning(&mut self, now: Timestamp) -> Option<ListUnavailable> {
        let is_running = self.open.is_some() || self.continues.is_some();
        let reason = self.unavailable(now).filter(|reason| {
            let is_first = *reason == ListUnavailable::NeverFetched;
            self.tried && !self.reported && !(is_first && is_running)
        })?;
        self.reported = true;
        Some(reason)
    }

    /// Returns the data that other workers need, apart from the pieces of the tables.
    pub(super) const fn shared_parts(&self) -> (Option<&Link>, Option<Timestamp>, &Entries) {
        (self.delta.as_ref(), self.changed, &self.entries)
    }

    pub(super) fn entries_mut(&mut self) -> &mut Entries {
        &mut self.entries
    }

    /// Continues from another worker's result, whose pieces have been taken over. Returns false if that is too late.
    pub(super) fn continue_from(
        &mut self,
        attempt: Attempt,
        link: Link,
        changed: Option<Timestamp>,
        at: Timestamp,
    ) -> bool {
        if !self.refresh.succeeded(attempt, at) {
            return false;
        }
        (self.open, self.continues, self.round) = (None, None, None);
        (self.delta, self.changed) = (Some(link), changed);
        self.renewed();
        true
    }

    /// Notes that another worker's result could not be taken over.
    pub(super) fn not_taken_over(&mut self, attempt: Attempt, now: Timestamp) {
        self.open = None;
        self.refresh.failed(attempt, now);
    }
}

impl SharedFetch for DirectoryList {
    fn schedule(&self) -> Option<&Refresh> {
        Some(&self.refresh)
    }

    fn schedule_mut(&mut self) -> Option<&mut Refresh> {
        Some(&mut self.refresh)
    }

    fn sent(&mut self, attempt: Attempt, now: Timestamp) {
        self.refresh.sent(attempt, now);
        if let Some(round) = self.round.as_mut().filter(|round| round.pages == 0) {
            round.began = now;
        }
    }

    fn stand_down(&mut self, attempt: Attempt, other: Backoff, now: Timestamp) -> bool {
        let stands_down = self.refresh.stand_down(attempt, other, now);
        if stands_down {
            self.open = None;
            self.tried = true;
        }
        stands_down
    }
}

/// Asks for large pages (OData 4.01 §8.2.8.5). A service may ignore it.
const PAGE_SIZE: &str = "odata.maxpagesize=999";

#[cfg(test)]
mod tests;
