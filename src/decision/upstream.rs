//! Reasons why an endpoint is unavailable.

/// Why a permitted request got no answer from the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The endpoint answers 503: it is scaled to zero or starting.
    Asleep,
    /// The endpoint was paused by its owner.
    Paused,
    /// The proxy answered 503: no connection, no healthy host, or a limit is reached.
    Unreachable,
}

impl Unavailable {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Asleep => {
                "The endpoint is scaled to zero or starting, which can take minutes; try again later"
            }
            Self::Paused => {
                "The endpoint is paused and does not resume automatically; ask its owner to resume it"
            }
            Self::Unreachable => "The endpoint is temporarily unreachable; try again shortly",
        }
    }

    pub(super) const fn operator_detail(self) -> &'static str {
        match self {
            Self::Asleep => "the upstream answered 503: it is scaled to zero or starting",
            Self::Paused => {
                "the upstream answered 400 Bad Request: Invalid state: the endpoint is paused"
            }
            Self::Unreachable => {
                "the proxy answered 503 instead of the upstream; its access log has the reason"
            }
        }
    }

    pub(super) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::Asleep => Some(30),
            Self::Paused => None,
            Self::Unreachable => Some(2),
        }
    }
}
