//! The request's headers → one bounded token.

/// A header that may carry the caller's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Lower case.
    pub header: String,
    /// The scheme in front of the token; `None`: the value is the token.
    pub scheme: Option<String>,
}
