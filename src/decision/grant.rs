//! Every way a request can be granted.

/// Why a request is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A rule permits this caller.
    Permitted,
    /// A rule asks for no token.
    Anonymous,
    /// It asks for the document about this resource, which we answer ourselves.
    Metadata,
}

impl Grant {
    /// Stable name, as a denial's.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Anonymous => "anonymous",
            Self::Metadata => "metadata",
        }
    }
}
