//! Wire types: the complete format of the configuration. Unknown fields are errors. Only this room uses these types.
//!
//! The doc comments of the fields are the users' reference. This module reads strings and lists as they are;
//! `compile` validates them.

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
    /// Trusted token issuers, at least one. The token's `iss` selects the issuer before any key is looked up.
    pub issuers: Vec<issuer::Issuer>,
    /// Where the caller's token is, and its limits.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub token: Token,
    /// Cache of verified tokens.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub cache: Cache,
    /// Limits of requests that wait for keys or credentials, for example after a start.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub wait: Wait,
    /// Credentials that replace the caller's Authorization header.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub credentials: Vec<credential::Credential>,
    /// Which endpoint serves which model. Default: the model is read from the path (`/hf-inference/models/{id}`,
    /// `/models/{id}`) or, on `/v1/**`, from `model` in the JSON body. On other paths it is unknown.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub endpoints: Vec<service::Endpoint>,
    /// Rules for access. A request that no rule permits is denied.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub rules: Vec<rule::Rule>,
    /// Headers that are added to a permitted request.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub forward: Forward,
    /// How denials are reported to callers.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub replies: Replies,
    /// A polled feed of revoked callers and tokens. Default: none.
    pub revocation: Option<service::Revocation>,
    /// What is recorded about each decision.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub audit: service::Audit,
    /// Whether token usage is read from responses and added to the audit record. Default: true.
    pub usage: Option<bool>,
    /// Where signatures are verified. Default: auto.
    pub crypto: Option<Crypto>,
    /// Limits of the bodies that the filter reads.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub limits: Limits,
    /// How the client's IP address is determined.
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
    /// Headers that may carry the token; the first one present is used. Default: `authorization` with scheme
    /// `Bearer`.
    pub headers: Option<Vec<TokenLocation>>,
    /// Accepted difference between the clocks of issuer and gateway. Default: 60s.
    pub clock_skew: Option<Span>,
    /// Maximum length of a token in bytes. Default: 24576.
    pub max_bytes: Option<u64>,
    /// Maximum `exp` − `iat`; 0s means no limit. Default: 0s.
    pub max_lifetime: Option<Span>,
    /// Accepted values of the header `typ`, compared case-insensitively and without `application/`. A token without
    /// `typ` is accepted. Default: JWT, at+jwt.
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
    /// The authentication scheme before the token. Default: none, the value is the token.
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
    /// Maximum number of tokens. Default: 4096.
    pub entries: Option<u64>,
    /// How long a token is cached; 0s disables the cache. Default: 500ms.
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
    /// How long a request waits at most. Default: 2s.
    pub timeout: Option<Span>,
    /// Maximum number of requests that wait at the same time. Default: 1024.
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
    /// Header → identity field that it carries: `oid`, `client`, `tid`, `sub`, `issuer`, `kind`, or the path of a
    /// claim. Headers with these names are always removed from the caller's request.
    #[cfg_attr(
        not(target_family = "wasm"),
        schemars(default, with = "std::collections::BTreeMap<String, String>")
    )]
    pub identity_headers: Named<String>,
    /// The Hugging Face organization that is billed: the value of `X-HF-Bill-To`. The caller's own `X-HF-Bill-To` is
    /// always removed.
    pub bill_to: Option<String>,
    /// Whether an upstream 401 or 403 becomes 502 `credential_rejected`. Default: true.
    pub remap_upstream_auth: Option<bool>,
    /// Whether an upstream 503 becomes 502 `endpoint_unavailable`. Default: true.
    pub remap_upstream_unavailable: Option<bool>,
    /// How long an endpoint that is scaled to zero may hold a request while it starts (`x-scale-up-timeout`).
    /// Default: 0s, the header is not sent.
    pub scale_up_timeout: Option<Span>,
    /// Whether the response to `GET /v1/models` lists only models that the caller may use. Other paths that list
    /// models are not filtered. Default: true.
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
    /// Whether replies contain the reason of a denial. Default: full.
    pub detail: Option<Detail>,
    /// The document at `/.well-known/oauth-protected-resource` (RFC 9728). Default: none.
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
    /// Replies contain the reason.
    Full,
    /// Replies contain no reason; audit records do.
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
    /// The resource identifier: the https URI at which callers reach this gateway.
    pub resource: String,
    /// Scopes that clients may request.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub scopes: Vec<String>,
    /// Authorization servers that issue tokens. Default: the configured issuers.
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
    /// By the host if it supports this, otherwise in the filter.
    Auto,
    /// By the host for the algorithms that it supports. On a host without this support the filter does not start.
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
    /// Maximum length in bytes of a body that is read to find its model. Default: 1048576.
    pub body_inspected: Option<u64>,
    /// Maximum number of bodies that one worker holds at the same time: request bodies from which a model is read,
    /// and lists of models that are filtered. Further requests are denied with `inspection_unavailable`. Default:
    /// 256.
    pub inspections: Option<u64>,
    /// Maximum number of body bytes that one worker holds at the same time; at least `body_inspected`. The bodies of
    /// requests that wait for keys or a credential count too. Default: 67108864.
    pub inspected_bytes: Option<u64>,
    /// Maximum time from the request headers to the last byte of the body. A slower request is denied with
    /// `body_timeout`. Default: 10s.
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
    /// With n > 0, the client is the n-th entry from the right of the `x-forwarded-for` header that the filter
    /// receives. If Envoy appends the address of its peer (`use_remote_address: true`), that address is entry 1.
    /// Default: 0, the address of the connection.
    pub trusted_hops: Option<u64>,
}

object!(ClientAddress {
    trusted_hops: optional,
});
