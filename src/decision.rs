//! Every outcome of a request. A denial has one exhaustive table of facts (`facts`: status, stable code,
//! public text, challenge) and details for the operator only (`operator`). A grant has a stable code.
//! Replies, audit records and metrics are derived from them. Failures of the upstream after a permit
//! are denials too.

mod challenge;
mod facts;
mod grant;
mod operator;
mod quota;
mod reasons;
mod upstream;

pub use challenge::Challenge;
pub use facts::Facts;
pub use grant::Grant;
pub use reasons::{
    BodyUnavailable, DirectoryGround, Ground, GroupsUnavailable, ListUnavailable, RevocationList,
    SubjectError,
};
pub use upstream::Unavailable;

use crate::http::rate_limit::RateLimit;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Why a request is refused. Each variant carries the details that an operator needs to understand the denial, but
/// never a token or a credential.
#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    /// Two servers could interpret the request differently; the reason says how.
    RequestAmbiguous(&'static str),
    /// A rule needs the model, and the request names none.
    ModelMissing,
    /// A rule needs the body, which can't be read; the reason says why.
    BodyUnreadable(&'static str),
    /// A rule needs the body, which is longer than `limits.body_inspected`.
    BodyTooLarge {
        limit: usize,
    },
    /// A rule needs the body, which did not arrive within `limits.inspection_timeout`.
    BodyTimeout {
        limit: Duration,
    },
    /// The limit of held bodies is reached.
    InspectionUnavailable(HeldLimit),

    /// The request has no token, or uses a scheme without tokens.
    TokenMissing {
        /// A header of the request that often carries a key or a token, and that `token.headers` does not list.
        unread: Option<&'static str>,
    },
    TokenMalformed(&'static str),
    TokenTooLarge {
        bytes: usize,
        limit: usize,
    },
    /// A JWE; the filter has no decryption key.
    TokenEncrypted,
    /// A proof-of-possession token; the filter can't check the proof.
    TokenBound,
    /// An ID token, a Graph token, or a token whose `typ` is not accepted; the reason says which.
    TokenForAnotherApi(&'static str),
    /// The caller sent its own Hugging Face token.
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
    /// The key is in the set, but according to Microsoft's key issuer check it may not sign for this issuer.
    KeyNotForIssuer {
        issuer: Arc<str>,
    },
    SignatureInvalid,
    AudienceMismatch {
        issuer: Arc<str>,
        /// The token's audience, quoted for messages; `None`: the token has none.
        audience: Option<String>,
        /// The issuer's audiences.
        accepted: Arc<[String]>,
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
        /// `None`: the token has no `iat`.
        seconds: Option<u64>,
        limit: u64,
    },
    /// A list of revocations names the caller, its client, session or token.
    TokenRevoked {
        ground: Ground,
    },

    /// No rule matches the request.
    NoRule {
        /// The path is one of the OpenAI API without `/v1`.
        lacks_version: bool,
    },
    /// Rules match the request, but the caller satisfies none; `requirement` is that of the nearest rule.
    RuleUnsatisfied {
        rule: Arc<str>,
        requirement: String,
        /// A value of the token that differs from a required one only in case.
        similar: Option<String>,
    },
    DeniedByRule {
        rule: Arc<str>,
    },
    /// A rule requires a group, and the token lists none because there are too many.
    GroupsOverage {
        rule: Arc<str>,
        /// Why the lookup in Microsoft Graph failed; `None`: lookups are not configured.
        lookup: Option<GroupsUnavailable>,
    },
    /// A rule would permit the caller after a stronger sign-in.
    StepUpRequired {
        rule: Arc<str>,
        /// The missing authentication context.
        context: String,
        /// The issuer's authorization endpoint.
        authorization_uri: String,
    },

    /// There are no usable keys of the issuer.
    KeysUnavailable {
        issuer: Arc<str>,
        reason: KeysUnavailable,
    },
    /// The rule permits, but its credential may not be sent to the cluster of the request.
    UpstreamNotAllowed {
        rule: Arc<str>,
        credential: Arc<str>,
        /// `None`: the host does not report the cluster.
        cluster: Option<Arc<str>>,
    },
    /// The rule permits, but its credential is exchanged for each member of the Hugging Face
    /// organization, and the caller is not one.
    NotAMember {
        rule: Arc<str>,
        reason: SubjectError,
    },
    /// The rule permits, but its credential has no usable value.
    CredentialUnavailable {
        rule: Arc<str>,
        reason: CredentialUnavailable,
    },
    /// A list of revocations is unavailable, and its `on_stale` is `deny`.
    RevocationUnavailable {
        list: RevocationList,
        reason: ListUnavailable,
    },
    /// The upstream rejected the injected credential.
    CredentialRejected {
        credential: Arc<str>,
        /// The upstream's status.
        status: u16,
    },
    EndpointUnavailable(Unavailable),
    /// A rate limit filter of the host refused the permitted request.
    QuotaExceeded(RateLimit),
    /// The caller requests a model that it may not use, whether or not the model exists.
    ModelNotFound {
        model: String,
    },
    /// The upstream's list of models can't be filtered, so it is not returned; the reason says why.
    ModelsUnreadable(&'static str),
    /// The id of an MCP session that this caller did not open, or that no session has.
    McpSessionUnknown,
    /// The response of an MCP server can't be filtered, or its session can't be bound to the caller, so it is not returned; the
    /// reason says why.
    McpUnreadable(&'static str),
    /// A state that should be impossible; the reason names it.
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

/// Why there are no keys to verify a signature with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysUnavailable {
    /// No keys have been fetched yet.
    NeverFetched,
    /// The last valid set is older than `max_stale`.
    Stale,
    /// The limit of waiting requests is reached.
    TooManyWaiting,
}

/// Why there is no credential to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialUnavailable {
    /// No value has been fetched yet.
    NeverFetched,
    /// The last valid value is older than `max_stale`.
    Stale,
    /// The last exchange for this person failed recently.
    ExchangeFailed,
    /// The limit of waiting requests is reached.
    TooManyWaiting,
}

impl Denial {
    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        self.facts().code
    }

    /// Returns the seconds after which a retry may help, or `None` if a retry is pointless. `status` is
    /// the status of the denial's facts.
    pub fn retry_after(&self, status: u16) -> Option<u32> {
        match self {
            Self::CredentialRejected { .. }
            | Self::ModelsUnreadable(_)
            | Self::McpUnreadable(_) => None,
            Self::EndpointUnavailable(why) => why.retry_after(),
            Self::QuotaExceeded(limit) => Some(limit.retry_after()),
            _ => (status == 502).then_some(2),
        }
    }
}
