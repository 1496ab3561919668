//! Answers of the directory: pages, and the effects of errors.

use crate::fetch::callout::{Answer, CalloutError};
use crate::revocation::directory::page::{self, Page};
use crate::revocation::directory::{ListError, Source};
use crate::time::Timestamp;
use std::time::Duration;

/// The pause after the directory had too many entries.
pub(super) const PAUSE_WHEN_FULL: Duration = Duration::from_secs(600);

pub(super) fn read(answer: Answer, source: &Source, now: Timestamp) -> Result<Page, ListError> {
    match answer {
        Answer::Response { status: 200, body } => {
            page::read(&body, &source.graph, now).map_err(ListError::Page)
        }
        Answer::Response { status, body } => Err(ListError::status(status, &body)),
        Answer::Failed(error) => Err(ListError::Callout(error)),
    }
}

impl ListError {
    /// Returns whether the link of the last page is no longer valid (`410 Gone`, or a client error that is not caused
    /// by access or load).
    pub(super) fn asks_for_restart(&self, has_link: bool) -> bool {
        match self {
            Self::Status { status, .. } => {
                *status == 410 || (has_link && matches!(status, 400 | 404))
            }
            _ => false,
        }
    }

    pub(super) fn pause(&self) -> Duration {
        match self {
            Self::Callout(error) => CalloutError::pause(error),
            Self::TooMany { .. } => PAUSE_WHEN_FULL,
            Self::Status { .. } | Self::Page(_) | Self::Circle | Self::TooManyPages => {
                Duration::ZERO
            }
        }
    }
}
