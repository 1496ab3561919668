//! Why a credential, the directory or the revocation feed leads to a denial: the reasons that denials carry.

/// Why Hugging Face is not asked for a token, or gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectError {
    /// An application calls, and nobody stands for those.
    Application,
    /// The token does not tell whether a person calls.
    KindUnknown,
    /// The claim is absent, or no text.
    NoClaim,
    NotAnAddress,
    OtherDomain,
    /// The issuer says itself that the address is not verified.
    Unverified,
    /// Hugging Face knows no such member (`invalid_grant`).
    Unknown,
}

impl SubjectError {
    /// For the caller.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Application => "this credential is for people, and an application calls",
            Self::KindUnknown => "the token does not tell whether a person calls",
            Self::NoClaim => "the token lacks the claim that names you by e-mail address",
            Self::NotAnAddress => "the claim that names you holds no plain e-mail address",
            Self::OtherDomain => "your e-mail address is in none of the accepted domains",
            Self::Unverified => "your e-mail address is not verified",
            Self::Unknown => {
                "your e-mail address belongs to no member of the organization; ask its \
                 administrator to invite you"
            }
        }
    }
}

/// Why the directory says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsUnavailable {
    /// It has not answered in time.
    TooSlow,
    /// It can't be asked: it refuses, fails, or asks to be left alone.
    Failing,
    /// It does not know the caller.
    UnknownCaller,
    /// As many requests wait already as may.
    TooManyWaiting,
}

/// Why there is no feed to trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedUnavailable {
    /// None has come yet.
    NeverFetched,
    /// The last good one is older than `max_stale`.
    Stale,
}

/// By which of its members a feed revokes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    Object,
    Client,
    Session,
    Token,
    NotBefore,
}

impl Ground {
    /// The member's name.
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
