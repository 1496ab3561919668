//! Fetches: calls, their answers, and sharing between VMs.

pub(in crate::gate) mod answers;
pub(in crate::gate) mod credentials;
pub(in crate::gate) mod directory;
pub(in crate::gate) mod fetch_sharing;
pub(in crate::gate) mod shared_resource;
