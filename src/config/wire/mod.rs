//! Wire types: the complete format of the configuration. Unknown fields are errors. Only this module uses these types.
//!
//! The doc comments of the fields are the users' reference. This module reads strings and lists unchanged;
//! `compile` validates them.

pub(in crate::config) mod credential;
pub(in crate::config) mod issuer;
pub(in crate::config) mod rule;
pub(in crate::config) mod service;
pub(in crate::config) mod span;

use super::node::{Named, choice, object};
#[cfg(not(target_family = "wasm"))]
use super::schema::bounds;
use span::Span;

object! {
    /// The plugin configuration.
    #[derive(Debug)]
    struct Config {
        /// Trusted token issuers, at least one. The token's `iss` selects the issuer before any key is looked up.
        #[schemars(length(min = 1))]
        issuers: Vec<issuer::Issuer>,
        /// Where the caller's token is, and its limits.
        token: Token = default,
        /// Cache of verified tokens.
        cache: Cache = default,
        /// Limits of requests that wait for keys or credentials, for example after a start.
        wait: Wait = default,
        /// Credentials that replace the caller's Authorization header.
        credentials: Vec<credential::Credential> = default,
        /// Which endpoint serves which model. Default: the model is read from the path (`/hf-inference/models/{id}`,
        /// `/models/{id}`) or, on `/v1/**`, from `model` in the JSON body. On other paths it is unknown.
        endpoints: Vec<service::Endpoint> = default,
        /// Rules for access. A request that no rule permits is denied.
        rules: Vec<rule::Rule> = default,
        /// Headers that are added to a permitted request.
        forward: Forward = default,
        /// How denials are reported to callers.
        replies: Replies = default,
        /// Sources of revoked callers and tokens: a polled feed, Entra's directory, or both. Default: none.
        revocation: Option<service::Revocation>,
        /// What is recorded about each decision.
        audit: service::Audit = default,
        /// Whether token usage is read from responses, added to the audit record and available to Envoy's rate limits.
        /// Default: true.
        usage: Option<service::Usage>,
        /// Where signatures are verified. Default: auto.
        crypto: Option<Crypto>,
        /// Limits of the bodies that the filter reads.
        limits: Limits = default,
        /// How the client's IP address is determined.
        client_address: ClientAddress = default,
    }
}

object! {
    #[derive(Debug, Default)]
    struct Token {
        /// Headers that may carry the token; the first one present is used, and further ones must contain the same token.
        /// Default: `authorization` with scheme `Bearer`.
        #[schemars(length(min = 1))]
        headers: Option<Vec<TokenLocation>>,
        /// Accepted difference between the clocks of issuer and gateway. Default: 60s.
        clock_skew: Option<Span>,
        /// Maximum length of a token in bytes. Default: 24576.
        #[schemars(range(min = 1, max = bounds::MOST_BYTES))]
        max_bytes: Option<u64>,
        /// Maximum `exp` − `iat`; 0s means no limit. Default: 0s.
        max_lifetime: Option<Span>,
        /// Accepted values of the header `typ`, compared case-insensitively and without `application/`. A token without
        /// `typ` is accepted. Default: JWT, at+jwt.
        #[schemars(length(min = 1))]
        types: Option<Vec<String>>,
    }
}

object! {
    #[derive(Debug)]
    struct TokenLocation {
        /// The header's name.
        #[schemars(length(min = 1))]
        name: String,
        /// The authentication scheme before the token. Default: none, the value is the token.
        scheme: Option<String>,
    }
}

object! {
    #[derive(Debug, Default)]
    struct Cache {
        /// Maximum number of tokens. Default: 4096.
        entries: Option<u64>,
        /// How long a token is cached; 0s disables the cache. Default: 500ms.
        ttl: Option<Span>,
    }
}

object! {
    #[derive(Debug, Default)]
    struct Wait {
        /// Maximum time that a request waits. Default: 2s.
        timeout: Option<Span>,
        /// Maximum number of requests that wait at the same time. Default: 1024.
        requests: Option<u64>,
    }
}

object! {
    #[derive(Debug, Default)]
    struct Forward {
        /// Header → identity field that it carries: `oid`, `client`, `tid`, `sub`, `issuer`, `kind`, or the path of a
        /// claim. Headers with these names are always removed from the caller's request.
        identity_headers: Named<String> = default,
        /// The Hugging Face organization, or the id of the resource group, that is billed: the value of `X-HF-Bill-To`,
        /// sent with a credential. The caller's own `X-HF-Bill-To` is always removed.
        #[schemars(regex(pattern = bounds::BILL_TO))]
        bill_to: Option<String>,
        /// Whether an upstream 401 or 403 becomes 502 `credential_rejected`. Default: true.
        remap_upstream_auth: Option<bool>,
        /// Whether an upstream 503 becomes 502 `endpoint_unavailable`. Default: true.
        remap_upstream_unavailable: Option<bool>,
        /// How long an endpoint that is scaled to zero may hold a request while it starts (`x-scale-up-timeout`).
        /// Default: 0s, the header is not sent.
        scale_up_timeout: Option<Span>,
        /// Whether the response to `GET /v1/models` lists only models that the caller may use. Other paths that list
        /// models are not filtered. Default: true.
        filter_models: Option<bool>,
        /// Whether responses to MCP's `tools/list` list only tools that the caller may call, on paths for which a rule has
        /// `mcp`. Default: true.
        filter_tools: Option<bool>,
    }
}

object! {
    #[derive(Debug, Default)]
    struct Replies {
        /// The realm of `WWW-Authenticate`. Default: hf.
        realm: Option<String>,
        /// Whether replies contain the reason of a denial. Default: full.
        detail: Option<Detail>,
        /// The document at `/.well-known/oauth-protected-resource` (RFC 9728). Default: none.
        protected_resource: Option<ProtectedResource>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum Detail {
        /// Replies contain the reason.
        Full = "full",
        /// Replies contain no reason; audit records do.
        Minimal = "minimal",
    }
}

object! {
    #[derive(Debug)]
    struct ProtectedResource {
        /// The resource identifier: the https URI at which callers reach this gateway.
        #[schemars(regex(pattern = "^https://."))]
        resource: String,
        /// Scopes that clients may request.
        scopes: Vec<String> = default,
        /// Authorization servers that issue tokens. Default: the configured issuers.
        #[schemars(length(min = 1))]
        authorization_servers: Option<Vec<String>>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Crypto {
        /// By the host if it supports this, otherwise in the filter.
        Auto = "auto",
        /// By the host for the algorithms that it supports. On a host without this support the filter does not start.
        Host = "host",
        /// In the filter.
        Wasm = "wasm",
    }
}

object! {
    #[derive(Debug, Default)]
    struct Limits {
        /// Maximum length in bytes of a body that is read to find its model. Default: 1048576.
        #[schemars(range(min = 1))]
        body_inspected: Option<u64>,
        /// Maximum number of bodies that one worker holds at the same time: request bodies from which a model is read,
        /// and lists of models or tools that are filtered. Further requests are denied with `inspection_unavailable`. Default:
        /// 256.
        #[schemars(range(min = 1))]
        inspections: Option<u64>,
        /// Maximum number of body bytes that one worker holds at the same time; at least `body_inspected`. The bodies
        /// of requests that wait for keys or a credential count too. Default: 67108864.
        #[schemars(range(min = 1))]
        inspected_bytes: Option<u64>,
        /// Maximum time from the request headers to the last byte of the body. A slower request is denied with
        /// `body_timeout`. Default: 10s.
        inspection_timeout: Option<Span>,
    }
}

object! {
    #[derive(Debug, Default)]
    struct ClientAddress {
        /// With n > 0, the client is the n-th entry from the right of the `x-forwarded-for` header that the filter
        /// receives. If Envoy appends the address of its peer (`use_remote_address: true`), that address is entry 1.
        /// Default: 0, the address of the connection.
        #[schemars(range(max = bounds::MOST_HOPS))]
        trusted_hops: Option<u64>,
    }
}
