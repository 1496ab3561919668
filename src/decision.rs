//! Every way a request can end: a denial, with one exhaustive table of its facts (`facts`: status,
//! stable code, public text, challenge) and what only the operator is told (`operator`), or a grant.
//! Replies, audit and metrics are projections of them. What is wrong with the upstream's answer to a
//! permitted request is told the same way.

mod facts;
mod grant;
mod operator;
mod reasons;
mod upstream;

pub use facts::{Challenge, Facts};
pub use grant::Grant;
pub use reasons::{FeedUnavailable, Ground, GroupsUnavailable, SubjectError};
pub use upstream::Unavailable;

use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Why a request is refused; each variant carries what an operator needs to understand it, and
/// never a token or a credential.
#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    /// Two servers could read the request differently; the reason says where.
    RequestAmbiguous(&'static str),
    /// A rule needs the model, and the request names none.
    ModelMissing,
    /// A rule needs the model, and the body can't be read without doubt; the reason says why.
    BodyUnreadable(&'static str),
    /// A rule needs the model, and the body is longer than `limits.body_inspected`.
    BodyTooLarge {
        limit: usize,
    },
    /// A rule needs the model, and the body has not arrived within `limits.inspection_timeout`.
    BodyTimeout {
        limit: Duration,
    },
    /// As many bodies are held already as `limits` allows.
    InspectionUnavailable(HeldLimit),

    /// No token, or a scheme that carries none.
    TokenMissing,
    TokenMalformed(&'static str),
    TokenTooLarge {
        bytes: usize,
        limit: usize,
    },
    /// A JWE, which we hold no key for.
    TokenEncrypted,
    /// A proof-of-possession token; we can't check its proof.
    TokenBound,
    /// An ID token, a Graph token, or a `typ` we do not take; the reason says which.
    TokenForAnotherApi(&'static str),
    /// The caller sent a Hugging Face token of its own.
    HuggingFaceToken,
    AlgorithmNotAllowed {
        algorithm: String,
    },
    IssuerUnknown {
        issuer: String,
    },
    KeyUnknown {
        issuer: Arc<str>,
    },
    /// The key is in the set, but Microsoft's key issuer check says it signs for others.
    KeyNotForIssuer {
        issuer: Arc<str>,
    },
    SignatureInvalid,
    AudienceMismatch {
        issuer: Arc<str>,
    },
    TenantNotAllowed {
        tenant: String,
    },
    ClientNotAllowed {
        client: String,
    },
    TokenExpired {
        expired: Timestamp,
    },
    TokenNotYetValid {
        valid_from: Timestamp,
    },
    TokenLifetime {
        /// `None`: it has no `iat`.
        seconds: Option<u64>,
        limit: u64,
    },
    /// The revocation feed names the caller, its client, session or token.
    TokenRevoked {
        ground: Ground,
    },

    /// No rule is about such a request.
    NoRule,
    /// Rules are about it, but this caller satisfies none; the nearest one says what it lacks.
    RuleUnsatisfied {
        rule: Arc<str>,
        lacks: String,
    },
    DeniedByRule {
        rule: Arc<str>,
    },
    /// A rule asks for a group, and the token lists none because there are too many.
    GroupsOverage {
        rule: Arc<str>,
        /// Why Microsoft Graph did not help, where it was asked.
        lack: Option<GroupsUnavailable>,
    },
    /// A rule would permit, had the caller signed in more strongly.
    StepUpRequired {
        rule: Arc<str>,
        /// The authentication context that is missing.
        context: String,
        /// Where to sign in.
        authorization_uri: String,
    },

    /// We hold no keys of that issuer that may still be used.
    KeysUnavailable {
        issuer: Arc<str>,
        reason: KeysUnavailable,
    },
    /// The rule permits, but its credential is not meant for the cluster that the request goes to.
    UpstreamNotAllowed {
        rule: Arc<str>,
        credential: Arc<str>,
        /// `None`: the host does not report it.
        cluster: Option<Arc<str>>,
    },
    /// The rule permits, but its credential is for people that Hugging Face knows.
    NotAMember {
        rule: Arc<str>,
        reason: SubjectError,
    },
    /// The rule permits, but there is no value of its credential that may be used.
    CredentialUnavailable {
        rule: Arc<str>,
        reason: CredentialUnavailable,
    },
    /// There is no revocation feed to trust, and `on_stale` is `deny`.
    RevocationUnavailable {
        reason: FeedUnavailable,
    },
    /// The upstream refused the credential that we sent.
    CredentialRejected {
        credential: Arc<str>,
        /// Its own status.
        status: u16,
    },
    EndpointUnavailable(Unavailable),
    /// The caller may not use the model it asks about, whether or not there is one.
    ModelNotFound {
        model: String,
    },
    /// The upstream's list of models can't be filtered, and so is not shown; the reason says why.
    ModelsUnreadable(&'static str),
    /// Something that cannot happen did.
    Internal(&'static str),
}

/// The limit that a held body has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldLimit {
    /// `limits.inspections`.
    Bodies,
    /// `limits.inspected_bytes`.
    Bytes,
}

/// Why there are no keys to verify with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysUnavailable {
    /// None have come yet.
    NeverFetched,
    /// The last good set is older than `max_stale`.
    Stale,
    /// As many requests wait for keys already as may.
    TooManyWaiting,
}

/// Why there is no credential to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialUnavailable {
    /// No good value has come yet.
    NeverFetched,
    /// The last good one is older than `max_stale`.
    Stale,
    /// The last exchange for this person failed a moment ago.
    ExchangeFailed,
    /// As many requests wait already as may.
    TooManyWaiting,
}

impl Denial {
    /// The code alone.
    pub fn code(&self) -> &'static str {
        self.facts().code
    }

    /// In how many seconds a retry may help; `None`: it is pointless. `status`: of its facts.
    pub fn retry_after(&self, status: u16) -> Option<u16> {
        match self {
            Self::CredentialRejected { .. } | Self::ModelsUnreadable(_) => None,
            Self::EndpointUnavailable(why) => why.retry_after(),
            _ => (status == 502).then_some(2),
        }
    }
}
