//! Points in time. A change of the system clock never shortens the time between two of them.

use crate::clock;
use entragate::time::Timestamp;
use std::time::{Duration, Instant};

/// A point in time by two clocks. If the system clock is set back, old data would seem current; the monotonic clock
/// stops while the machine sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub wall: Timestamp,
    steady: Instant,
}

impl Moment {
    pub fn now() -> Self {
        Self {
            wall: clock::now(),
            steady: Instant::now(),
        }
    }

    /// Returns the time elapsed since `earlier`, by the clock that shows more.
    pub fn since(self, earlier: Self) -> Duration {
        let steady = self.steady.saturating_duration_since(earlier.steady);
        self.wall.since(earlier.wall).max(steady)
    }
}

#[cfg(test)]
impl Moment {
    /// Returns the moment after a time has passed in which the system clock was set forward or back.
    pub fn after(self, span: Duration, is_set_to: impl Fn(Timestamp) -> Timestamp) -> Self {
        Self {
            wall: is_set_to(self.wall.plus(span)),
            steady: self.steady + span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_time_is_the_greater_of_both_clocks() {
        const HOUR: Duration = Duration::from_secs(3600);
        const MINUTE: Duration = Duration::from_secs(60);
        let start = Moment::now();
        assert_eq!(start.after(MINUTE, |wall| wall).since(start), MINUTE);
        let set_back = start.after(MINUTE, |wall| wall.minus(HOUR));
        assert_eq!(set_back.since(start), MINUTE);
        let slept = start.after(MINUTE, |wall| wall.plus(HOUR));
        assert_eq!(slept.since(start), HOUR + MINUTE);
        assert_eq!(start.since(set_back), HOUR - MINUTE);
        assert_eq!(start.since(start), Duration::ZERO);
    }
}
