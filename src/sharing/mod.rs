//! One of a host's VMs does it for all: fetches, whose answer the others take over ([`FetchCoordinator`]), and
//! deliveries of what they hand over ([`Mailbox`]). State machines without I/O: the host's shared data
//! comes in as a trait.
//!
//! Of each thing that is fetched two entries stand there: a small `head` (how fetches go, and who holds the
//! lease) that is read often, and a `body` (the last good answer as it came) that is read when the
//! head names a newer one than ours. Both are sealed ([`seal`]): what was not written by a VM of this
//! very configuration counts as absent. Nothing a VM reads there is more than an answer is: the bodies
//! are parsed and checked like any, and their age counts from when they were fetched.

mod head;
mod lease;
pub mod mac;
pub mod mailbox;
mod published;
mod topic;

pub use mailbox::Mailbox;
pub use published::Published;
pub use topic::{FetchCoordinator, Outcome, Verdict};

/// What all VMs of one `vm_id` can read and write: a map of names to bytes outside of them all.
pub trait SharedData {
    /// What stands under that name.
    ///
    /// # Errors
    /// The host has no shared data, or won't give it to us.
    fn get(&self, name: &str) -> Result<Option<Entry>, Unavailable>;

    /// Puts bytes under a name, whatever stands there if `cas` is 0; else only if nobody has written
    /// since it was read with that `cas`. False: somebody has.
    ///
    /// # Errors
    /// As [`SharedData::get`].
    fn set(&self, name: &str, value: &[u8], cas: u32) -> Result<bool, Unavailable>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub value: Vec<u8>,
    /// Another after each write, never 0.
    pub cas: u32,
}

/// There is no shared data to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;
