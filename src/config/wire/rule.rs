//! Shapes of `rules`.

use super::super::node::{choice, object};
use serde_json::Value;

/// One rule: which requests, which callers, and what follows.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Rule {
    /// Stands in audit and metrics: `[a-z0-9-]`.
    pub name: String,
    /// The requests it is about. Default: all.
    #[cfg_attr(not(target_family = "wasm"), schemars(default, rename = "match"))]
    pub matches: Match,
    /// What is asked of the caller.
    pub require: Option<Requirement>,
    /// No token is asked for, and nothing of the caller's is trusted.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub anonymous: bool,
    /// What follows where it holds. Default: allow.
    pub effect: Option<Effect>,
    /// The credential that a permitted request gets; `none` sends none, for an upstream that takes no
    /// key. The caller's own token is removed either way.
    pub credential: Option<String>,
    /// Whether it decides. Default: enforce.
    pub mode: Option<Mode>,
}

object!(Rule {
    name: required,
    matches: optional = "match",
    require: optional,
    anonymous: optional,
    effect: optional,
    credential: optional,
    mode: optional,
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Effect {
    /// Permits whom `require` holds for.
    Allow,
    /// Denies them, whatever other rules permit.
    Deny,
}

choice!(Effect {
    Allow = "allow",
    Deny = "deny",
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Mode {
    /// The rule decides.
    Enforce,
    /// Evaluated and recorded, without effect.
    Shadow,
}

choice!(Mode {
    Enforce = "enforce",
    Shadow = "shadow",
});

/// All given fields must match; within a list, any entry. In patterns, `*` matches within a segment
/// and `**` across segments.
#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Match {
    /// Patterns, without port; case does not matter.
    pub hosts: Option<Vec<String>>,
    /// HTTP methods.
    pub methods: Option<Vec<String>>,
    /// Patterns of the path without query, percent-decoded once.
    pub paths: Option<Vec<String>>,
    /// Patterns of models without suffix; `endpoints` say where a request names its model.
    pub models: Option<Vec<String>>,
    /// Patterns of Envoy cluster names: the cluster that Envoy has chosen for the request
    /// (`xds.cluster_name`). `/` separates segments; case matters.
    pub clusters: Option<Vec<String>>,
    /// Names of issuers.
    pub issuers: Option<Vec<String>>,
}

object!(Match {
    hosts: optional,
    methods: optional,
    paths: optional,
    models: optional,
    clusters: optional,
    issuers: optional,
});

/// What is asked of the caller: exactly one of these.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
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

choice!(Requirement {
    Role(_) = "role",
    Group(_) = "group",
    Scope(_) = "scope",
    DirectoryRole(_) = "directory_role",
    Client(_) = "client",
    Object(_) = "object",
    Tenant(_) = "tenant",
    Issuer(_) = "issuer",
    Kind(_) = "kind",
    ManagedIdentity(_) = "managed_identity",
    Mfa(_) = "mfa",
    AuthContext(_) = "auth_context",
    Source(_) = "source",
    Time(_) = "time",
    Peer(_) = "peer",
    Claim(_) = "claim",
    All(_) = "all",
    Any(_) = "any",
    Not(_) = "not",
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Kind {
    /// A person signed in.
    User,
    /// An app, or a managed identity, acts for itself.
    App,
}

choice!(Kind {
    User = "user",
    App = "app",
});

/// One test of one claim: `equals`, `one_of`, `contains` or `present`.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
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

object!(Claim {
    path: required,
    equals: optional,
    one_of: optional,
    contains: optional,
    present: optional,
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
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

object!(Window {
    days: optional,
    from: required,
    to: required,
    utc_offset: optional,
});

/// A day of the week.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

choice!(Day {
    Mon = "mon",
    Tue = "tue",
    Wed = "wed",
    Thu = "thu",
    Fri = "fri",
    Sat = "sat",
    Sun = "sun",
});
