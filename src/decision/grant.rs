//! Every way in which a request can be granted.

/// Why a request is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A rule permits this caller.
    Permitted,
    /// A rule permits the request without a token.
    Anonymous,
    /// The request is for the protected resource metadata, which the filter serves itself.
    Metadata,
}

impl Grant {
    /// Returns the stable name, as in [`super::Denial::code`].
    pub const fn code(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Anonymous => "anonymous",
            Self::Metadata => "metadata",
        }
    }
}
