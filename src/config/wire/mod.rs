//! The shapes that a user writes: the whole contract, unknown fields refused. They never leave the
//! configuration's room.
//!
//! What stands above a field is its reference for users. Texts and lists are taken as they are
//! here; whether they make sense is for `compile` to say.

pub(in crate::config) mod credential;
pub(in crate::config) mod issuer;
pub(in crate::config) mod rule;
pub(in crate::config) mod service;
pub(in crate::config) mod span;

use super::node::{Named, choice, object};
use span::Span;

/// The plugin configuration.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Config {
    /// Who may sign tokens for us; at least one. The token's `iss` picks the issuer before any key
    /// is looked up.
    pub issuers: Vec<issuer::Issuer>,
    /// Where the caller's token is, and its bounds.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub token: Token,
    /// Verified tokens that are remembered.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub cache: Cache,
    /// Requests that wait for keys or credentials at cold start.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub wait: Wait,
    /// What replaces the caller's Authorization.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub credentials: Vec<credential::Credential>,
    /// Which model answers where. Without: from the path (`/hf-inference/models/{id}`,
    /// `/models/{id}`), else on `/v1/**` from the JSON body's `model`; elsewhere it is unknown.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub endpoints: Vec<service::Endpoint>,
    /// Who may do what. What no rule permits is denied.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub rules: Vec<rule::Rule>,
    /// What a permitted request carries to the upstream.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub forward: Forward,
    /// How a refused caller is told.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub replies: Replies,
    /// A polled feed of revoked callers and tokens.
    pub revocation: Option<service::Revocation>,
    /// What is recorded of each decision.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub audit: service::Audit,
    /// Whether token usage is read from responses into the audit record. Default: true.
    pub usage: Option<bool>,
    /// Where signatures are checked. Default: auto.
    pub crypto: Option<Crypto>,
    /// Bounds of what is read.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub limits: Limits,
    /// How the client's address is found.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub client_address: ClientAddress,
}

object!(Config {
    issuers: required,
    token: optional,
    cache: optional,
    wait: optional,
    credentials: optional,
    endpoints: optional,
    rules: optional,
    forward: optional,
    replies: optional,
    revocation: optional,
    audit: optional,
    usage: optional,
    crypto: optional,
    limits: optional,
    client_address: optional,
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Token {
    /// The headers that may carry it; the first present wins. Default: `authorization` with scheme
    /// `Bearer`.
    pub headers: Option<Vec<TokenLocation>>,
    /// How far clocks may disagree. Default: 60s.
    pub clock_skew: Option<Span>,
    /// Longest accepted token. Default: 24576.
    pub max_bytes: Option<u64>,
    /// Longest accepted `exp` − `iat`; 0s: no limit. Default: 0s.
    pub max_lifetime: Option<Span>,
    /// Accepted header `typ`, without case and `application/`; a missing one is accepted.
    /// Default: JWT, at+jwt.
    pub types: Option<Vec<String>>,
}

object!(Token {
    headers: optional,
    clock_skew: optional,
    max_bytes: optional,
    max_lifetime: optional,
    types: optional,
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct TokenLocation {
    /// The header's name.
    pub name: String,
    /// The scheme in front of the token. Without: the value is the token.
    pub scheme: Option<String>,
}

object!(TokenLocation {
    name: required,
    scheme: optional,
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Cache {
    /// How many tokens. Default: 4096.
    pub entries: Option<u64>,
    /// How long a token is remembered; 0s: not at all. Default: 500ms.
    pub ttl: Option<Span>,
}

object!(Cache {
    entries: optional,
    ttl: optional,
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Wait {
    /// How long a request waits. Default: 2s.
    pub timeout: Option<Span>,
    /// How many requests wait at once. Default: 1024.
    pub requests: Option<u64>,
}

object!(Wait {
    timeout: optional,
    requests: optional,
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Forward {
    /// Header → what of the identity it tells the upstream: `oid`, `client`, `tid`, `sub`, `issuer`,
    /// `kind`, or any claim. A caller's own copies are always removed.
    #[cfg_attr(
        not(target_family = "wasm"),
        schemars(default, with = "std::collections::BTreeMap<String, String>")
    )]
    pub identity_headers: Named<String>,
    /// Who pays: the value of `X-HF-Bill-To`. A caller's own is always removed.
    pub bill_to: Option<String>,
    /// Whether an upstream 401 or 403 becomes 502 `credential_rejected`. Default: true.
    pub remap_upstream_auth: Option<bool>,
    /// Whether an upstream 503 becomes 502 `endpoint_unavailable`. Default: true.
    pub remap_upstream_unavailable: Option<bool>,
    /// How long a sleeping endpoint may hold a request (`x-scale-up-timeout`). Default: 0s, not sent.
    pub scale_up_timeout: Option<Span>,
    /// Whether `GET /v1/models` lists only what the caller may use. Other paths that name models are not
    /// filtered. Default: true.
    pub filter_models: Option<bool>,
}

object!(Forward {
    identity_headers: optional,
    bill_to: optional,
    remap_upstream_auth: optional,
    remap_upstream_unavailable: optional,
    scale_up_timeout: optional,
    filter_models: optional,
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Replies {
    /// The realm of `WWW-Authenticate`. Default: hf.
    pub realm: Option<String>,
    /// Whether a refused caller is told the reason. Default: full.
    pub detail: Option<Detail>,
    /// The document at `/.well-known/oauth-protected-resource` (RFC 9728).
    pub protected_resource: Option<ProtectedResource>,
}

object!(Replies {
    realm: optional,
    detail: optional,
    protected_resource: optional,
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Detail {
    /// The reason, in words.
    Full,
    /// No reasons to the caller, all of them to the audit record.
    Minimal,
}

choice!(Detail {
    Full = "full",
    Minimal = "minimal",
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct ProtectedResource {
    /// The resource's identifier, an https URI: where callers reach this gateway.
    pub resource: String,
    /// The scopes that clients may ask for.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub scopes: Vec<String>,
    /// Where tokens are had. Default: the issuers.
    pub authorization_servers: Option<Vec<String>>,
}

object!(ProtectedResource {
    resource: required,
    scopes: optional,
    authorization_servers: optional,
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Crypto {
    /// By the host where it can, else in the filter.
    Auto,
    /// By the host what it can, or not at all: without such a host the filter does not start.
    Host,
    /// In the filter.
    Wasm,
}

choice!(Crypto {
    Auto = "auto",
    Host = "host",
    Wasm = "wasm",
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Limits {
    /// How much of a body is read to find its model. Default: 1048576.
    pub body_inspected: Option<u64>,
    /// How many bodies one worker holds at once while it reads them: requests' bodies whose model a rule
    /// needs, and lists of models that are filtered. Further requests are denied with
    /// `inspection_unavailable`. Default: 256.
    pub inspections: Option<u64>,
    /// How many bytes of bodies one worker holds at once; at least `body_inspected`. The body of a
    /// request that waits for keys or a credential counts too. Default: 67108864.
    pub inspected_bytes: Option<u64>,
    /// How long a body may take from the request's headers to its last byte. A slower request is
    /// denied with `body_timeout`. Default: 10s.
    pub inspection_timeout: Option<Span>,
}

object!(Limits {
    body_inspected: optional,
    inspections: optional,
    inspected_bytes: optional,
    inspection_timeout: optional,
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct ClientAddress {
    /// With n > 0 the client is the n-th entry from the right of `x-forwarded-for`, as the filter
    /// sees it: where Envoy itself has appended its peer (`use_remote_address: true`), that is the
    /// first. Default: 0, the connection's own address.
    pub trusted_hops: Option<u64>,
}

object!(ClientAddress {
    trusted_hops: optional,
});
