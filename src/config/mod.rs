//! The plugin configuration: compiles bytes into settings.
//! `source` reads JSON or the wire format of `google.protobuf.Struct`, `wire` defines the format that users write,
//! and `compile` converts it to the types of the other modules. The gate and the command line call [`load`].

mod compile;
mod digest;
mod error;
mod excerpt;
mod mac_keys;
mod node;
mod path;
mod problem;
mod proto;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod schema;
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

use crate::audit::filter_state::FilterState;
use crate::cache::CacheLimits;
use crate::credential::Credential;
use crate::export;
use crate::forward::Forwarding;
use crate::forward::strip::StripList;
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
use crate::usage::charge::Metering;
use error::Findings;
use mac_keys::MacKeys;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Reads a plugin configuration: JSON text, or the wire format of `google.protobuf.Struct`. `env` returns environment
/// variables of the VM.
///
/// # Errors
/// All errors with their paths. They never contain the value of a secret.
pub fn load(text: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
    let value = source::read(text).map_err(ConfigErrors::whole)?;
    load_value(&value, env)
}

/// Loads a configuration from a value, as the command line does after parsing YAML.
///
/// # Errors
/// The same as those of [`load`].
pub fn load_value(
    value: &Value,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigErrors> {
    let mut findings = Findings::default();
    let wire = node::read(value, &mut findings);
    let keys = MacKeys::over(value);
    let env = |name: &str| keys.note(name, env(name));
    let of_it = || compile::Identity {
        digest: digest::of(value),
        shared_mac: keys.shared_mac(),
        export_mac: keys.export_mac(),
        directory_mac: keys.directory_mac(),
        session_mac: keys.session_mac(),
    };
    let compiled = wire.map(|wire| compile::compile(&wire, &env, &of_it, &mut findings));
    match compiled {
        Some(Ok(config)) if findings.is_empty() => Ok(config),
        _ => Err(findings.into_errors()),
    }
}

/// A valid configuration: every name resolves and every limit is in range.
#[derive(Clone, Debug)]
pub struct Config {
    /// At least one. `sources` has one entry for each issuer.
    pub issuers: Vec<Issuer>,
    pub sources: Vec<KeySource>,
    /// Where groups are looked up for callers with too many of them; one entry for each issuer.
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
    pub stripped: StripList,
    pub replies: ReplyStyle,
    pub revocation: revocation::Sources,
    /// Service tokens; an [`Auth`](crate::service_auth::auth::Auth) holds an index into this list.
    pub service_tokens: Vec<service_token::Source>,
    pub audit: AuditSettings,
    /// How token usage is read from responses; `None`: it is not read.
    pub usage: Option<Metering>,
    pub crypto: Crypto,
    /// The first 16 hexadecimal digits of the SHA-256 of the configuration without its secrets. It identifies the
    /// policy in audit records.
    pub digest: Arc<str>,
    /// Authenticates data that VMs with this configuration share. Depends on all settings and secrets.
    pub shared_mac: Mac,
    /// Authenticates records between VMs that export to the same service.
    pub export_mac: Mac,
    /// Authenticates lists of revocations between VMs that query the same directories.
    pub directory_mac: Mac,
    /// Binds the ids of MCP sessions to callers.
    pub session_mac: Mac,
}

impl Config {
    /// Returns a line for the log after the configuration was accepted.
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

/// Limits of requests that wait for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitLimits {
    pub timeout: Duration,
    pub requests: usize,
}

/// Where signatures are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypto {
    /// By the host if it passes the startup check, otherwise in the filter.
    Auto,
    /// By the host for the algorithms that it supports. Without this support the filter does not start.
    Host,
    Wasm,
}

/// Limits of the bodies that are read, and that the host holds while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum length of a body that is read for its model, in bytes.
    pub body_inspected: usize,
    /// Maximum number of bodies that one VM holds at the same time.
    pub inspections: usize,
    /// Maximum number of body bytes that one VM holds at the same time.
    pub inspected_bytes: usize,
    /// Maximum time from a request's headers to the end of its body.
    pub inspection_timeout: Duration,
}

/// How the client's address is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The address of the connection.
    Connection,
    /// This entry of `x-forwarded-for`, counted from the right, from 1.
    Forwarded(usize),
}

#[derive(Clone, Debug)]
pub struct AuditSettings {
    pub log: AuditLog,
    /// The host's log level of records.
    pub level: log::Level,
    /// Additional claims to record.
    pub claims: Vec<ClaimPath>,
    /// The values that are written to Envoy's filter state.
    pub filter_state: FilterState,
    /// The service that records are also sent to.
    pub export: Option<export::Settings>,
}

impl AuditSettings {
    /// Whether any record is written.
    pub fn has_records(&self) -> bool {
        self.log != AuditLog::Off || self.export.is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditLog {
    All,
    Denied,
    Off,
}
