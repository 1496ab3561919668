//! The right to do something for all VMs, for a short time.

use crate::time::Timestamp;
use std::time::Duration;

/// How long a lease holds that is not renewed: so long does the death of its holder go unnoticed.
pub const LEASE: Duration = Duration::from_secs(2);
/// Between two renewals of a lease: several fit into its time.
pub const RENEWAL: Duration = Duration::from_millis(500);
/// How far ahead of our own clock reading another thread's may be.
pub const SLACK: Duration = Duration::from_secs(1);
/// How often a write is tried against others' writes, at one go.
pub const MOST_TRIES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub holder: u64,
    pub until: Timestamp,
}

impl Lease {
    /// One that begins now.
    pub fn of(holder: u64, now: Timestamp) -> Self {
        let until = now.plus(LEASE);
        Self { holder, until }
    }

    /// Of the numbers of [`Lease::words`]. `None`: there is none, or it ends too far ahead, since the
    /// clock was set back meanwhile.
    pub fn read([holder, until]: [u64; 2], now: Timestamp) -> Option<Self> {
        let until = Timestamp::from_millis(until);
        let is_some = until.as_millis() > 0 && until <= now.plus(LEASE.saturating_add(SLACK));
        is_some.then_some(Self { holder, until })
    }

    pub fn words(lease: Option<Self>) -> [u64; 2] {
        lease.map_or([0; 2], |own| [own.holder, own.until.as_millis()])
    }

    pub fn is_of_another(&self, than: u64, now: Timestamp) -> bool {
        self.holder != than && now < self.until
    }
}
