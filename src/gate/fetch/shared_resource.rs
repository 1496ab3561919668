//! The resources whose fetches the VMs share.

use crate::fetch::refresh::Attempt;
use crate::gate::fetch::answers::CallId;
use crate::gate::request::pending::Dependency;

/// A resource whose fetch can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedResource {
    /// The keys of the issuer with this index.
    Keys(usize),
    Feed,
    /// The list of a directory with this index.
    Directory(usize),
}

impl SharedResource {
    /// Returns the resource that a call fetches.
    pub(in crate::gate) fn fetched_by(call_id: CallId) -> Option<(Self, Attempt)> {
        match call_id {
            CallId::Keys { ring, attempt, .. } => Some((Self::Keys(ring), attempt)),
            CallId::Revocation(attempt) => Some((Self::Feed, attempt)),
            CallId::Directory { list, attempt, .. } => Some((Self::Directory(list), attempt)),
            CallId::Export(_)
            | CallId::ServiceToken { .. }
            | CallId::Credential(_)
            | CallId::Groups { .. } => None,
        }
    }

    /// Returns the dependency that requests for the resource wait for.
    pub(in crate::gate) fn dependency(self) -> Dependency {
        match self {
            Self::Keys(ring) => Dependency::Keys(ring),
            Self::Feed | Self::Directory(_) => Dependency::Revocation,
        }
    }
}
