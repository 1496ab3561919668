//! Fetches: calls, their answers, and how VMs share them.

pub(in crate::gate) mod answers;
pub(in crate::gate) mod credentials;
pub(in crate::gate) mod directory;
pub(in crate::gate) mod fetch_sharing;
pub(in crate::gate) mod shared_resource;
