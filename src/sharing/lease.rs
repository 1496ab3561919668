//! A lease: the right to act for all VMs for a short time.

use crate::time::Timestamp;
use std::time::Duration;

/// How long a lease is valid without renewal, and therefore how long the end of its holder remains unnoticed.
pub const LEASE_DURATION: Duration = Duration::from_secs(2);
/// Time between two renewals. Several renewals fit into the duration of a lease.
pub const RENEWAL_INTERVAL: Duration = Duration::from_millis(500);
/// The maximum time by which another thread's clock may be ahead of this thread's clock.
pub const CLOCK_SKEW: Duration = Duration::from_secs(1);
/// Maximum number of attempts for a write that competes with writes of other VMs.
pub const MAX_TRIES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub holder: u64,
    pub until: Timestamp,
}

impl Lease {
    /// Returns a lease that begins now.
    pub fn of(holder: u64, now: Timestamp) -> Self {
        let until = now.plus(LEASE_DURATION);
        Self { holder, until }
    }

    /// Reads a lease from the numbers of [`Lease::words`]. Returns `None` if there is no lease, or
    /// if it ends too far in the future, because the clock has been set back since.
    pub fn read([holder, until]: [u64; 2], now: Timestamp) -> Option<Self> {
        let until = Timestamp::from_millis(until);
        let is_some =
            until.as_millis() > 0 && until <= now.plus(LEASE_DURATION.saturating_add(CLOCK_SKEW));
        is_some.then_some(Self { holder, until })
    }

    pub fn words(lease: Option<Self>) -> [u64; 2] {
        lease.map_or([0; 2], |own| [own.holder, own.until.as_millis()])
    }

    pub fn is_of_another(&self, than: u64, now: Timestamp) -> bool {
        self.holder != than && now < self.until
    }
}
