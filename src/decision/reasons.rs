//! Reasons that denials carry: why a credential, Microsoft Graph or the lists of revocations led to them.

use super::Denial;
use crate::time::Timestamp;

/// Why a part of the request that rules match cannot be read from its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyUnavailable {
    /// No model is named, or only a placeholder: `dummy`, `tgi`, or a URL.
    Missing,
    /// Two servers could read the request differently; the text says why.
    Ambiguous(&'static str),
    /// The body cannot be read; the text says why.
    Unreadable(&'static str),
    TooLarge {
        limit: usize,
    },
    /// The host did not provide the body.
    Withheld,
}

impl BodyUnavailable {
    pub fn denial(self) -> Denial {
        match self {
            Self::Missing => Denial::ModelMissing,
            Self::Ambiguous(reason) => Denial::RequestAmbiguous(reason),
            Self::Unreadable(reason) => Denial::BodyUnreadable(reason),
            Self::TooLarge { limit } => Denial::BodyTooLarge { limit },
            Self::Withheld => Denial::Internal(
                "the host did not pass the body to the filter, but a rule needs it; on Envoy set \
                 allow_on_headers_stop_iteration: true",
            ),
        }
    }
}

/// Why there is no Hugging Face token for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectError {
    /// The caller is an application, and `app_subject` is not configured.
    Application,
    /// The caller is an agent that does not act on behalf of a person.
    Agent,
    /// The token does not show whether the caller is a person or an application.
    KindUnknown,
    /// The claim is absent or not a string.
    NoClaim,
    NotAnAddress,
    OtherDomain,
    /// The issuer reports the address as not verified.
    Unverified,
    /// Hugging Face knows no such member (`invalid_grant`).
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

/// A list of revocations that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationList {
    /// The revocation feed.
    Feed,
    /// The users of the issuer's directory.
    Users,
    /// The service principals of the issuer's directory.
    ServicePrincipals,
}

impl RevocationList {
    /// Returns the list's name for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Feed => "revocation feed",
            Self::Users => "list of users from Microsoft Graph",
            Self::ServicePrincipals => "list of service principals from Microsoft Graph",
        }
    }
}

/// Why a list of revocations is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListUnavailable {
    /// The list has not been fetched yet.
    NeverFetched,
    /// The last valid list is older than `max_stale`.
    Stale,
    /// The directory has more entries than `entries`.
    TooManyEntries,
}

impl ListUnavailable {
    /// Returns the reason, as the end of a sentence that begins with the list.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NeverFetched => "has not been fetched yet",
            Self::Stale => "is older than max_stale",
            Self::TooManyEntries => "has more entries than `entries` allows",
        }
    }
}

/// Why a token is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The feed lists the caller's object.
    Object,
    Client,
    Session,
    Token,
    NotBefore,
    /// The issuer's directory.
    Directory(DirectoryGround),
}

/// The reason in the issuer's directory for which a caller is revoked. The time is that of the first page that
/// contained it, except for [`DirectoryGround::NotBefore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryGround {
    /// The account is disabled.
    Disabled(Timestamp),
    /// The account was deleted.
    Removed(Timestamp),
    /// Sign-in sessions from before this time are revoked.
    NotBefore(Timestamp),
    /// The service principal of the token's client is disabled.
    AppDisabled(Timestamp),
    /// The service principal of the token's client was deleted.
    AppRemoved(Timestamp),
}

impl Ground {
    /// Returns the explanation for the operator.
    pub fn text(self) -> String {
        let member = match self {
            Self::Object => "oids",
            Self::Client => "clients",
            Self::Session => "sessions",
            Self::Token => "tokens",
            Self::NotBefore => "not_before",
            Self::Directory(ground) => return ground.text(),
        };
        format!("revoked by {member} in the revocation feed")
    }
}

impl DirectoryGround {
    fn text(self) -> String {
        let (event, at) = match self {
            Self::Disabled(at) => ("account disabled", at),
            Self::Removed(at) => ("account deleted", at),
            Self::NotBefore(at) => ("sign-in sessions revoked", at),
            Self::AppDisabled(at) => ("the client's service principal disabled", at),
            Self::AppRemoved(at) => ("the client's service principal deleted", at),
        };
        format!("{event} at {}", at.to_rfc3339())
    }
}
