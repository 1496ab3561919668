//! The interface of all fetches that one worker makes on behalf of the others.

use super::refresh::{Attempt, Backoff, Refresh};
use crate::time::Timestamp;

/// A resource whose fetch can be shared.
pub trait SharedFetch {
    /// Returns the refresh schedule, or `None` if nothing is fetched.
    fn schedule(&self) -> Option<&Refresh>;

    fn schedule_mut(&mut self) -> Option<&mut Refresh>;

    /// Records that a delayed call is sent only now.
    fn sent(&mut self, attempt: Attempt, now: Timestamp) {
        if let Some(schedule) = self.schedule_mut() {
            schedule.sent(attempt, now);
        }
    }

    /// Begins a fetch whose answers another worker already has. Returns `None` if a fetch is in flight.
    fn take_over(&mut self, now: Timestamp) -> Option<Attempt> {
        self.schedule_mut()?.take_over(now)
    }

    /// Cancels a fetch because another worker's fetch has just failed, and adopts its backoff. Returns false if
    /// the fetch is not in flight.
    fn stand_down(&mut self, attempt: Attempt, other: Backoff, now: Timestamp) -> bool {
        self.schedule_mut()
            .is_some_and(|schedule| schedule.stand_down(attempt, other, now))
    }
}
