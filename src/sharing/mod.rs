//! Sharing between the VMs of a host: one VM fetches and the other VMs take over its answers
//! ([`FetchCoordinator`], with [`Pieces`] for large answers), and one VM delivers the data that the others hand over
//! ([`Mailbox`]). These are state machines without I/O: the host's shared data is accessed through a trait.
//!
//! Each fetched resource has two entries: a small `head` (state of the fetches, holder of the
//! lease), which is read often, and a `body` (the last valid answer as received), which is read
//! when the head refers to a newer one. Both are authenticated ([`mac`]): an entry that was not
//! written by a VM with the same configuration counts as absent. A shared body is trusted no more than an answer: it is
//! parsed and checked in the same way, and its age is counted from the fetch.

mod coordinator;
mod head;
mod lease;
pub mod mac;
pub mod mailbox;
mod pieces;
mod published;

pub use coordinator::{FetchCoordinator, Outcome, Verdict};
pub use mailbox::Mailbox;
pub use pieces::Pieces;
pub use published::Published;

/// The map of names to bytes that all VMs with the same `vm_id` can read and write.
pub trait SharedData {
    /// Returns the entry with this name.
    ///
    /// # Errors
    /// [`Unavailable`] if the host has no shared data or does not allow access to it.
    fn get(&self, name: &str) -> Result<Option<Entry>, Unavailable>;

    /// Writes an entry. If `cas` is not 0, the write succeeds only if the entry was not written
    /// since it was read with this `cas`. Returns false otherwise.
    ///
    /// # Errors
    /// The same as those of [`SharedData::get`].
    fn set(&self, name: &str, value: &[u8], cas: u32) -> Result<bool, Unavailable>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub value: Vec<u8>,
    /// Changes with each write; never 0.
    pub cas: u32,
}

/// Shared data is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;
