//! One round: the pages from one delta link to the next, and its failures.

use crate::revocation::directory::ListError;
use crate::revocation::directory::page::Link;
use crate::time::Timestamp;
use std::time::Duration;

/// After more than this many unusable pages at the same link, the next fetch is a full pass.
pub(super) const MAX_BAD_PAGES: u32 = 4;
/// After this many failures at the same link, another worker may try.
pub(super) const MAX_FAILURES: u32 = 16;
/// The pause after the first failure within a round. It doubles up to `refresh`.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The pages from one delta link to the next.
#[derive(Debug)]
pub(super) struct Round {
    /// When the first call of the round was sent. At the end of the round, all changes up to this time are known.
    pub(super) began: Timestamp,
    /// `None`: the start of a full pass.
    pub(super) link: Option<Link>,
    /// An earlier link of the round, to detect a loop of links.
    pub(super) landmark: Option<Link>,
    pub(super) is_full_pass: bool,
    pub(super) has_restarted: bool,
    pub(super) pages: u32,
    /// The number of failures since the last good page, and the number of unusable pages among them.
    pub(super) failures: u32,
    pub(super) bad_pages: u32,
    pub(super) changes: usize,
    /// Whether there was no room for some entries.
    pub(super) lacks_entries: bool,
}

impl Round {
    pub(super) fn new(link: Option<Link>, now: Timestamp) -> Self {
        Self {
            began: now,
            is_full_pass: link.is_none(),
            landmark: link.clone(),
            link,
            has_restarted: false,
            pages: 0,
            failures: 0,
            bad_pages: 0,
            changes: 0,
            lacks_entries: false,
        }
    }

    /// Returns whether the link of a page leads back to an earlier page of the round. One link is remembered, and
    /// replaced after 1, 2, 4, 8… pages (Brent 1980), so a loop is detected within three times the number of pages
    /// before and in the loop.
    pub(super) fn is_circle(&mut self, next: &Link) -> bool {
        let is_circle = self.landmark.as_ref() == Some(next);
        if self.pages.is_power_of_two() {
            self.landmark = Some(next.clone());
        }
        is_circle
    }

    /// Counts a failure. Returns the pause after which the round continues, or `None` if the fetch ends.
    pub(super) fn pause_after(&mut self, error: &ListError, longest: Duration) -> Option<Duration> {
        self.failures += 1;
        self.bad_pages += u32::from(matches!(error, ListError::Page(_)));
        let goes_on = self.pages > 0 && self.failures < MAX_FAILURES && !self.has_bad_link();
        let pause = FIRST_RETRY.saturating_mul(1 << (self.failures - 1).min(16));
        goes_on.then(|| pause.min(longest).max(error.pause()))
    }

    pub(super) const fn has_bad_link(&self) -> bool {
        self.bad_pages > MAX_BAD_PAGES
    }
}
