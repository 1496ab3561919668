//! The plugin configuration: bytes in, compiled settings out.
//!
//! `source` reads JSON or the wire form of `google.protobuf.Struct`, `wire` knows the shapes a user
//! writes, `compile` turns them into the types that the other rooms own. The gate and the CLI call
//! [`load`]; nobody else needs this room.

mod compile;
mod digest;
mod error;
mod excerpt;
mod node;
mod path;
mod problem;
mod proto;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod schema;
mod sealer;
mod source;
mod suggest;
#[cfg(test)]
mod tests;
mod wire;

pub use error::{ConfigError, ConfigErrors};
pub use problem::Problem;
pub use proto::StructError;
#[cfg(not(target_family = "wasm"))]
pub use schema::schema;

use crate::cache::CacheLimits;
use crate::credential::Credential;
use crate::export;
use crate::forward::Forwarding;
use crate::groups;
use crate::keys::source::KeySource;
use crate::model::endpoint::Endpoints;
use crate::policy::rule::Policy;
use crate::reply::ReplyStyle;
use crate::revocation;
use crate::service_auth::service_token;
use crate::sharing::mac::Mac;
use crate::token::claim_path::ClaimPath;
use crate::token::issuer::Issuer;
use crate::token::rules::TokenRules;
use error::Findings;
use sealer::MacKeys;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Reads a plugin configuration: JSON text, or the wire form of `google.protobuf.Struct`. `env` is
/// the environment of the VM.
///
/// # Errors
/// All that is wrong with it, each with its path; never the value of a secret.
pub fn load(text: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
    let value = source::read(text).map_err(ConfigErrors::whole)?;
    load_value(&value, env)
}

/// The same from a value read elsewhere, as the CLI reads YAML.
///
/// # Errors
/// As [`load`].
pub fn load_value(
    value: &Value,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigErrors> {
    let mut findings = Findings::default();
    let wire = node::read(value, &mut findings);
    let sealer = MacKeys::over(value);
    let env = |name: &str| sealer.note(name, env(name));
    let of_it = || compile::Identity {
        digest: digest::of(value),
        seal: sealer.seal(),
        export_seal: sealer.export_seal(),
    };
    let compiled = wire.map(|wire| compile::compile(&wire, &env, &of_it, &mut findings));
    match compiled {
        Some(Ok(config)) if findings.is_empty() => Ok(config),
        _ => Err(findings.into_errors()),
    }
}

/// A configuration that holds together: every name resolves, every bound is sane.
#[derive(Clone, Debug)]
pub struct Config {
    /// At least one; `sources` stands beside it, entry for entry.
    pub issuers: Vec<Issuer>,
    pub sources: Vec<KeySource>,
    /// Where an issuer's callers with too many groups are looked up; entry for entry as well.
    pub directories: Vec<Option<groups::Source>>,
    pub token: TokenRules,
    pub cache: CacheLimits,
    pub wait: WaitLimits,
    pub credentials: Vec<Credential>,
    pub endpoints: Endpoints,
    pub limits: Limits,
    pub policy: Policy,
    pub client_address: ClientAddress,
    pub forward: Forwarding,
    pub replies: ReplyStyle,
    pub revocation: Option<revocation::Source>,
    /// Tokens for callouts of our own; an [`Auth`](crate::service_auth::auth::Auth) is an index.
    pub leases: Vec<service_token::Source>,
    pub audit: AuditSettings,
    /// Whether responses are read for the tokens they took.
    pub usage: bool,
    pub crypto: Crypto,
    /// First 16 hexadecimal digits of the SHA-256 of the configuration without its secrets: tells
    /// in an audit record which policy decided.
    pub digest: Arc<str>,
    /// Seals what the VMs of this configuration share, its secrets included.
    pub seal: Mac,
    /// Seals records on their way to where they are exported; whoever exports there has it.
    pub export_seal: Mac,
}

impl Config {
    /// One line for the log of a host that has accepted it.
    pub fn summary(&self) -> String {
        format!(
            "{} issuers, {} rules, {} credentials, policy {}",
            self.issuers.len(),
            self.policy.anonymous.len() + self.policy.rules.len(),
            self.credentials.len(),
            self.digest
        )
    }
}

/// Bounds of the requests that wait for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitLimits {
    pub timeout: Duration,
    pub requests: usize,
}

/// Where signatures are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypto {
    /// By the host where it has been seen to do it right, else in the filter.
    Auto,
    /// By the host what it can, or not at all: without such a host there is no start.
    Host,
    Wasm,
}

/// Bounds of the bodies that are read, and that the host holds meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest body that is read for its model, in bytes.
    pub body_inspected: usize,
    /// Most bodies that one VM holds at once.
    pub inspections: usize,
    /// Most bytes of bodies that one VM holds at once.
    pub inspected_bytes: usize,
    /// Longest time from a request's headers to the end of its body.
    pub inspection_timeout: Duration,
}

/// How the client's address is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The connection's own.
    Connection,
    /// That entry of `x-forwarded-for`, counted from the right, from 1.
    Forwarded(usize),
}

#[derive(Clone, Debug)]
pub struct AuditSettings {
    pub log: AuditLog,
    /// The host's log level of records.
    pub level: log::Level,
    /// Further claims to record.
    pub claims: Vec<ClaimPath>,
    /// Whether decisions are left in Envoy's filter state.
    pub filter_state: bool,
    /// Where records are sent besides.
    pub export: Option<export::Settings>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditLog {
    All,
    Denied,
    Off,
}
