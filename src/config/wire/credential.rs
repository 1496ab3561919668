//! Wire types of `credentials`.

use super::super::node::{Named, object};
#[cfg(not(target_family = "wasm"))]
use super::super::schema::bounds;
use super::service::{Auth, SecretRef};
use super::span::Span;

object! {
    /// A Hugging Face credential: a name and one source.
    struct Credential {
        /// The name that rules, audit records and metrics use: `[a-z0-9-]`.
        #[schemars(regex(pattern = bounds::NAME))]
        name: String,
        /// The environment variable that holds the credential. Line breaks at the end of its value are removed.
        #[schemars(regex(pattern = "^[^=]+$"))]
        env: Option<String>,
        /// The credential itself. `entragate check` warns about it.
        #[schemars(length(min = 1))]
        value: Option<String>,
        /// A service that is polled for the credential, so that it rotates without a restart.
        http: Option<Http>,
        /// A token exchange (RFC 8693): the caller's identity is exchanged for a short-lived token per user.
        token_exchange: Option<TokenExchange>,
        /// Patterns of the Envoy clusters that may receive the credential. Requests to another cluster, or to one that
        /// the host does not report, are denied (403 `upstream_not_allowed`). Default: any cluster.
        #[schemars(length(min = 1), inner(length(min = 1)))]
        clusters: Option<Vec<String>>,
        /// The organization, or the id of the resource group, that is billed for requests with this credential. Default:
        /// `forward.bill_to`.
        #[schemars(regex(pattern = bounds::BILL_TO))]
        bill_to: Option<String>,
    }
}

/// Omits the value, which is secret.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

object! {
    #[derive(Debug)]
    struct Http {
        /// Envoy cluster of the service.
        #[schemars(length(min = 1))]
        cluster: String,
        /// URI of the service.
        #[schemars(regex(pattern = bounds::URI))]
        uri: String,
        /// Request headers, whose values are read from environment variables.
        headers: Named<SecretRef> = default,
        /// JSON Pointer (RFC 6901) to the credential in a JSON response. Default: the credential is the whole body,
        /// trimmed.
        #[schemars(regex(pattern = "^/"))]
        pointer: Option<String>,
        /// How the filter authenticates to the service.
        auth: Option<Auth>,
        /// Time from a valid response to the next fetch. Default: 5m.
        refresh: Option<Span>,
        /// How long the last valid value is used. Default: 1h.
        max_stale: Option<Span>,
        /// Timeout of one fetch. Default: 5s.
        timeout: Option<Span>,
    }
}

object! {
    #[derive(Debug)]
    struct TokenExchange {
        /// Envoy cluster of Hugging Face.
        #[schemars(length(min = 1))]
        cluster: String,
        /// URI of the token endpoint.
        #[schemars(regex(pattern = bounds::URI))]
        uri: String,
        /// Client id of your OAuth app.
        #[schemars(length(min = 1))]
        client_id: String,
        /// The client secret, which may contain any character.
        client_secret: SecretRef,
        /// The claim that identifies the user to Hugging Face: an e-mail address.
        #[schemars(length(min = 1))]
        subject_claim: String,
        /// E-mail domains that `subject_claim` may have.
        #[schemars(length(min = 1), inner(regex(pattern = bounds::DOMAIN)))]
        subject_domains: Vec<String> = default,
        /// Scopes to request.
        scopes: Vec<String> = default,
        /// The organization member that represents callers that are applications. Default: applications get no token.
        app_subject: Option<String>,
        /// Maximum number of users whose tokens are cached. Default: 4096.
        #[schemars(range(min = 1, max = bounds::MOST_ENTRIES))]
        entries: Option<u64>,
        /// Timeout of one exchange. Default: 5s.
        timeout: Option<Span>,
    }
}
