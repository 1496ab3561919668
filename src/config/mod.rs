//! The plugin configuration: bytes in, compiled settings out.
//!
//! `source` reads JSON or the wire form of `google.protobuf.Struct`, `wire` knows the shapes a user
//! writes, `compile` turns them into the types that the other rooms own. The gate and the CLI call
//! [`load`]; nobody else needs this room.

use crate::credential::Credential;
use crate::forward::Forwarding;
use crate::keys::source::KeySource;
use crate::policy::rule::Policy;
use crate::reply::ReplyStyle;
use crate::token::bearer::Carrier;
use crate::token::claim_path::ClaimPath;
use crate::token::issuer::Issuer;
use std::time::Duration;

/// A configuration that holds together: every name resolves, every bound is sane.
#[derive(Clone, Debug)]
pub struct Config {
    /// At least one; `sources` stands beside it, entry for entry.
    pub issuers: Vec<Issuer>,
    pub sources: Vec<KeySource>,
    pub token: TokenRules,
    pub wait: WaitLimits,
    pub credentials: Vec<Credential>,
    pub policy: Policy,
    pub forward: Forwarding,
    pub replies: ReplyStyle,
    pub audit: AuditSettings,
    /// First 16 hexadecimal digits of the SHA-256 of the configuration without its secrets: tells
    /// in an audit record which policy decided.
    pub digest: String,
}

/// Where the caller's token is, and its bounds.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// In order: the first header present wins.
    pub carriers: Vec<Carrier>,
    pub clock_skew: Duration,
    pub max_bytes: usize,
    /// Longest accepted `exp − iat`.
    pub max_lifetime: Option<Duration>,
    /// Accepted header `typ`, lower case, without `application/`.
    pub types: Vec<String>,
}

/// Bounds of the requests that wait for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitLimits {
    pub timeout: Duration,
    pub requests: usize,
}

#[derive(Clone, Debug)]
pub struct AuditSettings {
    pub log: AuditLog,
    /// Further claims to record.
    pub claims: Vec<ClaimPath>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditLog {
    All,
    Denied,
    Off,
}
