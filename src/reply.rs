//! A denial as the caller sees it.

/// The compiled form of `replies`.
#[derive(Clone, Debug)]
pub struct ReplyStyle {
    pub realm: String,
    pub detail: Detail,
}

/// How much a refused caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Full,
    /// No reasons; the audit record keeps them.
    Minimal,
}
