//! Why an endpoint does not serve.

/// What stands between a permitted request and the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// It answers 503: scaled to zero, or starting.
    Asleep,
    /// Its owner has paused it.
    Paused,
    /// The proxy itself answers 503 for it: no connection, no healthy host, a limit.
    Unreachable,
}

impl Unavailable {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Asleep => {
                "The endpoint is asleep or starting, which can take minutes; try again later"
            }
            Self::Paused => {
                "The endpoint is paused and does not wake up by itself; ask its owner to resume it"
            }
            Self::Unreachable => "The endpoint can't be reached right now; try again shortly",
        }
    }

    pub(super) const fn operator_detail(self) -> &'static str {
        match self {
            Self::Asleep => "the upstream answered 503: scaled to zero, or starting",
            Self::Paused => {
                "the upstream answered 400 Bad Request: Invalid state: the endpoint is paused"
            }
            Self::Unreachable => {
                "the proxy answered 503 in the upstream's place: its access log says why"
            }
        }
    }

    pub(super) const fn retry_after(self) -> Option<u16> {
        match self {
            Self::Asleep => Some(30),
            Self::Paused => None,
            Self::Unreachable => Some(2),
        }
    }
}
