//! Wire types of `rules`.

use super::super::node::{choice, object};
use serde_json::Value;

/// One rule: the requests and callers that it applies to, and its effect.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Rule {
    /// The name that audit records and metrics use: `[a-z0-9-]`.
    pub name: String,
    /// The requests that the rule applies to. Default: all.
    #[cfg_attr(not(target_family = "wasm"), schemars(default, rename = "match"))]
    pub matches: Match,
    /// The requirement on the caller or the context. Required, except in anonymous rules and rules with `effect:
    /// deny`.
    pub require: Option<Requirement>,
    /// `true`: the rule requires no token, and trusts nothing that the request says about the caller.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub anonymous: bool,
    /// The effect of a rule whose requirement is satisfied. Default: allow.
    pub effect: Option<Effect>,
    /// The credential that a permitted request is sent with; `none` sends no credential, for an upstream that needs
    /// none. The caller's own token is always removed.
    pub credential: Option<String>,
    /// Whether the rule affects decisions. Default: enforce.
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
    /// Permits callers that satisfy `require`.
    Allow,
    /// Denies callers that satisfy `require`, even if another rule permits them.
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
    /// The rule affects decisions.
    Enforce,
    /// The rule is evaluated and recorded, and has no effect on decisions.
    Shadow,
}

choice!(Mode {
    Enforce = "enforce",
    Shadow = "shadow",
});

/// Conditions on the request. Every field that is set must match; a list matches if any entry does. In patterns, `*`
/// matches within a segment and `**` across segments.
#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Match {
    /// Patterns of the host, without port; case-insensitive.
    pub hosts: Option<Vec<String>>,
    /// HTTP methods.
    pub methods: Option<Vec<String>>,
    /// Patterns of the path, without query and percent-decoded once.
    pub paths: Option<Vec<String>>,
    /// Patterns of the model id, without suffix. `endpoints` defines where a request names its model.
    pub models: Option<Vec<String>>,
    /// Patterns of the Envoy cluster that the request is routed to (`xds.cluster_name`). `/` separates segments;
    /// case-sensitive.
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

/// A requirement: exactly one of these.
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
    /// The kind of caller: a user or an app.
    Kind(Kind),
    /// A managed identity: its ARM id (`xms_mirid`) or its `oid`.
    ManagedIdentity(String),
    /// `true`: the user signed in with multi-factor authentication (`amr`).
    Mfa(bool),
    /// An authentication context (`acrs`): c1 to c99.
    AuthContext(String),
    /// IPv4 and IPv6 ranges (CIDR) or single addresses that contain the client's address. See `client_address`.
    Source(Vec<String>),
    /// A time window in the week.
    Time(Window),
    /// A pattern of the URI in the client certificate, such as `spiffe://contoso.com/ns/*/sa/nightly`. The listener
    /// must verify client certificates against a CA.
    Peer(String),
    /// A test of any claim.
    Claim(Claim),
    /// All of these requirements.
    All(Vec<Requirement>),
    /// At least one of these requirements.
    Any(Vec<Requirement>),
    /// The opposite of this requirement.
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
    /// A user who signed in.
    User,
    /// An app or a managed identity that acts without a user.
    App,
}

choice!(Kind {
    User = "user",
    App = "app",
});

/// One test of one claim.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Claim {
    /// A member name, or a JSON Pointer if it begins with `/`.
    pub path: String,
    /// The claim is a scalar with this value.
    pub equals: Option<Value>,
    /// The claim is a scalar with one of these values.
    pub one_of: Option<Vec<Value>>,
    /// The claim is an array that contains this value.
    pub contains: Option<Value>,
    /// Whether the token has the claim.
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
    /// Start of the window, such as `08:00`. If it is later than `to`, the window spans midnight and belongs to the
    /// day on which it begins.
    pub from: String,
    /// End of the window, exclusive. `24:00` is the end of the day.
    pub to: String,
    /// Offset from UTC, such as `+01:00`. Default: UTC.
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
