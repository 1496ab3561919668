//! Wire types of `credentials`.

use super::super::node::{Named, object};
use super::service::{Auth, SecretRef};
use super::span::Span;

/// A Hugging Face credential: a name and one source.
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Credential {
    /// The name that rules, audit records and metrics use: `[a-z0-9-]`.
    pub name: String,
    /// The environment variable that holds the credential. Line breaks at the end of its value are removed.
    pub env: Option<String>,
    /// The credential itself. `entragate check` warns about it.
    pub value: Option<String>,
    /// A service that is polled for the credential, so that it rotates without a restart.
    pub http: Option<Http>,
    /// A token exchange (RFC 8693): the caller's identity is exchanged for a short-lived token per user.
    pub token_exchange: Option<TokenExchange>,
    /// Patterns of the Envoy clusters that may receive the credential. Requests to another cluster, or to one that
    /// the host does not report, are denied (403 `upstream_not_allowed`). Default: any cluster.
    pub clusters: Option<Vec<String>>,
}

object!(Credential {
    name: required,
    env: optional,
    value: optional,
    http: optional,
    token_exchange: optional,
    clusters: optional,
});

/// Omits the value, which is secret.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Http {
    /// Envoy cluster of the service.
    pub cluster: String,
    /// URI of the service.
    pub uri: String,
    /// Request headers, whose values are read from environment variables.
    #[cfg_attr(
        not(target_family = "wasm"),
        schemars(default, with = "std::collections::BTreeMap<String, SecretRef>")
    )]
    pub headers: Named<SecretRef>,
    /// JSON Pointer (RFC 6901) to the credential in a JSON response. Default: the credential is the whole body,
    /// trimmed.
    pub pointer: Option<String>,
    /// How the filter authenticates to the service.
    pub auth: Option<Auth>,
    /// Time from a valid response to the next fetch. Default: 5m.
    pub refresh: Option<Span>,
    /// How long the last valid value is used. Default: 1h.
    pub max_stale: Option<Span>,
    /// Timeout of one fetch. Default: 5s.
    pub timeout: Option<Span>,
}

object!(Http {
    cluster: required,
    uri: required,
    headers: optional,
    pointer: optional,
    auth: optional,
    refresh: optional,
    max_stale: optional,
    timeout: optional,
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct TokenExchange {
    /// Envoy cluster of Hugging Face.
    pub cluster: String,
    /// URI of the token endpoint.
    pub uri: String,
    /// Client id of your OAuth app.
    pub client_id: String,
    /// The client secret, which may contain any character.
    pub client_secret: SecretRef,
    /// The claim that identifies the user to Hugging Face: an e-mail address.
    pub subject_claim: String,
    /// E-mail domains that `subject_claim` may have.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub subject_domains: Vec<String>,
    /// Scopes to request.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub scopes: Vec<String>,
    /// The organization member that represents callers that are applications. Default: applications get no token.
    pub app_subject: Option<String>,
    /// Maximum number of users whose tokens are cached. Default: 4096.
    pub entries: Option<u64>,
    /// Timeout of one exchange. Default: 5s.
    pub timeout: Option<Span>,
}

object!(TokenExchange {
    cluster: required,
    uri: required,
    client_id: required,
    client_secret: required,
    subject_claim: required,
    subject_domains: optional,
    scopes: optional,
    app_subject: optional,
    entries: optional,
    timeout: optional,
});
