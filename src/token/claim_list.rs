//! Where and how an issuer writes a list of names, such as roles.

use super::claim_path::ClaimPath;

/// A claim that holds a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimList {
    pub path: ClaimPath,
    pub members: Members,
}

/// Where in the claim the names are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// A string, or an array of strings.
    Texts,
    /// That member of each object of an array: `[{"name": "admin"}]`.
    Named(String),
    /// The names of an object's members, as ZITADEL writes roles: `{"admin": {…}}`.
    Keys,
}

impl ClaimList {
    /// A top-level claim that holds strings.
    pub fn texts(name: &str) -> Self {
        Self {
            path: ClaimPath::member(name),
            members: Members::Texts,
        }
    }
}
