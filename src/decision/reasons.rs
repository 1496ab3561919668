//! Reasons that denials carry: why a credential, Microsoft Graph or the revocation feed led to them.

/// Why there is no Hugging Face token for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectError {
    /// The caller is an application, and `app_subject` is not configured.
    Application,
    /// The caller is an agent that acts for no person.
    Agent,
    /// The token does not show whether the caller is a person or an application.
    KindUnknown,
    /// The claim is absent or not a string.
    NoClaim,
    NotAnAddress,
    OtherDomain,
    /// The issuer reports the address as not verified.
    Unverified,
    /// Hugging Face does not know the member (`invalid_grant`).
    Unknown,
}

impl SubjectError {
    /// Returns the explanation for the caller.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Application => "this credential is for people, and the caller is an application",
            Self::Agent => "this credential is for people, and the caller is an agent",
            Self::KindUnknown => {
                "the token does not show whether the caller is a person or an application"
            }
            Self::NoClaim => "the token lacks the claim with your e-mail address",
            Self::NotAnAddress => {
                "the claim that should contain your e-mail address is not a plain e-mail address"
            }
            Self::OtherDomain => "your e-mail address is not in an accepted domain",
            Self::Unverified => "your e-mail address is not verified",
            Self::Unknown => {
                "your e-mail address does not belong to a member of the organization; ask its \
                 administrator to invite you"
            }
        }
    }
}

/// Why the caller's groups could not be looked up in Microsoft Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsUnavailable {
    /// Microsoft Graph did not answer in time.
    TooSlow,
    /// Microsoft Graph can't be queried: it refuses, fails or throttles.
    Failing,
    /// Microsoft Graph does not know the caller.
    UnknownCaller,
    /// The limit of waiting requests is reached.
    TooManyWaiting,
}

/// Why there is no usable revocation feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedUnavailable {
    /// No feed has been fetched yet.
    NeverFetched,
    /// The last valid feed is older than `max_stale`.
    Stale,
}

/// The member of the feed that revokes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    Object,
    Client,
    Session,
    Token,
    NotBefore,
}

impl Ground {
    /// Returns the member's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "oids",
            Self::Client => "clients",
            Self::Session => "sessions",
            Self::Token => "tokens",
            Self::NotBefore => "not_before",
        }
    }
}
