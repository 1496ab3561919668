//! What a token claims.

/// Whether a person or an application calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    App,
}
