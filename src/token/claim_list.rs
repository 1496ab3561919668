//! Claims that contain a list of names, such as roles.

use super::claim_path::ClaimPath;

/// A claim that contains a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimList {
    pub path: ClaimPath,
    pub members: Members,
}

/// The position of the names in the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// A string, or an array of strings.
    Texts,
    /// The named member of each object in an array: `[{"name": "admin"}]`.
    Named(String),
    /// The names of an object's members, as ZITADEL writes roles: `{"admin": {…}}`.
    Keys,
}

impl ClaimList {
    /// Creates the list for a top-level claim that holds strings.
    pub fn texts(name: &str) -> Self {
        Self {
            path: ClaimPath::member(name),
            members: Members::Texts,
        }
    }
}
