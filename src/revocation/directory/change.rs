//! The information about one object in a page.

use super::id::Id;
use crate::time::Timestamp;

/// A listed or changed object. A property that the page does not list is `None`: it did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub object: Id,
    /// The object was deleted (`@removed`).
    pub is_removed: bool,
    /// `accountEnabled`.
    pub enabled: Option<bool>,
    /// `appId` of a service principal.
    pub app: Option<Id>,
    /// `signInSessionsValidFromDateTime`, rounded up to a second.
    pub sessions_from: Option<Timestamp>,
}
