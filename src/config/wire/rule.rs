//! Shapes of `rules`.

use serde::Deserialize;
use serde_json::Value;

/// One rule: which requests, which callers, and what follows.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rule {
    /// Stands in audit and metrics: `[a-z0-9-]`.
    pub name: String,
    /// The requests it is about. Default: all.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// What is asked of the caller.
    pub require: Option<Requirement>,
    /// No token is asked for, and nothing of the caller's is trusted.
    #[serde(default)]
    pub anonymous: bool,
    /// What follows where it holds. Default: allow.
    pub effect: Option<Effect>,
    /// The credential that a permitted request gets.
    pub credential: Option<String>,
    /// Whether it decides. Default: enforce.
    pub mode: Option<Mode>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Effect {
    /// Permits whom `require` holds for.
    Allow,
    /// Denies them, whatever other rules permit.
    Deny,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Mode {
    /// The rule decides.
    Enforce,
    /// Evaluated and recorded, without effect.
    Shadow,
}

/// All given fields must match; within a list, any entry. In patterns, `*` matches within a segment
/// and `**` across segments.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Match {
    /// Patterns, without port; case does not matter.
    pub hosts: Option<Vec<String>>,
    /// HTTP methods.
    pub methods: Option<Vec<String>>,
    /// Patterns of the path without query, percent-decoded once.
    pub paths: Option<Vec<String>>,
    /// Patterns of models without suffix; `endpoints` say where a request names its model.
    pub models: Option<Vec<String>>,
    /// Names of issuers.
    pub issuers: Option<Vec<String>>,
}

/// What is asked of the caller: exactly one of these.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Requirement {
    /// An app role (`roles`).
    Role(String),
    /// A group's id (`groups`).
    Group(String),
    /// A delegated permission (`scp`).
    Scope(String),
    /// A directory role's template id (`wids`).
    DirectoryRole(String),
    /// A client id (`azp`, `appid`).
    Client(String),
    /// An object id (`oid`).
    Object(String),
    /// A tenant id (`tid`).
    Tenant(String),
    /// A configured issuer's name.
    Issuer(String),
    /// A person or an app.
    Kind(Kind),
    /// A managed identity: its ARM id (`xms_mirid`) or its `oid`.
    ManagedIdentity(String),
    /// `true`: signed in with several factors (`amr`).
    Mfa(bool),
    /// An authentication context (`acrs`): c1 to c99.
    AuthContext(String),
    /// The client's address: CIDRs of IPv4 and IPv6, or single addresses. See `client_address`.
    Source(Vec<String>),
    /// A window of the week.
    Time(Window),
    /// A pattern of the URI in the client certificate, as in `spiffe://contoso.com/ns/*/sa/nightly`.
    /// The listener must check that certificate against a CA.
    Peer(String),
    /// Any claim.
    Claim(Claim),
    /// All of these.
    All(Vec<Requirement>),
    /// Any of these.
    Any(Vec<Requirement>),
    /// Not this.
    Not(Box<Requirement>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Kind {
    /// A person signed in.
    User,
    /// An app, or a managed identity, acts for itself.
    App,
}

/// One test of one claim: `equals`, `one_of`, `contains` or `present`.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Claim {
    /// A member's name, or a JSON Pointer when it begins with `/`.
    pub path: String,
    /// A scalar with this value.
    pub equals: Option<Value>,
    /// A scalar with one of these values.
    pub one_of: Option<Vec<Value>>,
    /// An array that has this value.
    pub contains: Option<Value>,
    /// Whether it is there.
    pub present: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Window {
    /// Days of the week. Default: all.
    pub days: Option<Vec<Day>>,
    /// From this time of day, as in `08:00`; later than `to`, the window goes across midnight and
    /// belongs to the day it begins on.
    pub from: String,
    /// To this time of day, itself not in the window; `24:00` is the end of the day.
    pub to: String,
    /// As in `+01:00`. Default: UTC.
    pub utc_offset: Option<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
