//! Shapes of `credentials`.

use super::super::node::{Named, object};
use super::service::{Auth, SecretRef};
use super::span::Span;

/// A Hugging Face credential: a name and one source.
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Credential {
    /// Used in rules, audit and metrics: `[a-z0-9-]`.
    pub name: String,
    /// The environment variable that holds it. Line ends at the end of its value are removed.
    pub env: Option<String>,
    /// The value itself; `entragate check` warns.
    pub value: Option<String>,
    /// Polled, so that it rotates without a restart.
    pub http: Option<Http>,
    /// Exchanged for the caller's token (RFC 8693): one short-lived token per person.
    pub token_exchange: Option<TokenExchange>,
    /// Patterns of Envoy cluster names: the credential is sent to no other cluster, and to none that the
    /// host does not report (403 `upstream_not_allowed`). Default: any.
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

/// Without the value.
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
    /// Envoy cluster that serves it.
    pub cluster: String,
    /// Its address.
    pub uri: String,
    /// Headers to send, their values from the environment.
    #[cfg_attr(
        not(target_family = "wasm"),
        schemars(default, with = "std::collections::BTreeMap<String, SecretRef>")
    )]
    pub headers: Named<SecretRef>,
    /// Where in a JSON answer the credential stands (RFC 6901). Without: the body, trimmed.
    pub pointer: Option<String>,
    /// Who we are to that service.
    pub auth: Option<Auth>,
    /// From a good answer to the next. Default: 5m.
    pub refresh: Option<Span>,
    /// How long the last good value serves. Default: 1h.
    pub max_stale: Option<Span>,
    /// How long one fetch may take. Default: 5s.
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
    /// The token endpoint.
    pub uri: String,
    /// Our OAuth app.
    pub client_id: String,
    /// Its secret, which may hold any character.
    pub client_secret: SecretRef,
    /// The claim that names the person to Hugging Face.
    pub subject_claim: String,
    /// Accepted e-mail domains of that claim.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub subject_domains: Vec<String>,
    /// Scopes to ask for.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub scopes: Vec<String>,
    /// The member that stands for callers that are applications. Without, they get no token.
    pub app_subject: Option<String>,
    /// How many people's tokens are kept. Default: 4096.
    pub entries: Option<u64>,
    /// How long one exchange may take. Default: 5s.
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
