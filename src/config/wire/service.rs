//! Wire types of `endpoints`, `revocation`, `audit` and `auth`.

use super::super::node::{Node, Shape, choice, object};
#[cfg(not(target_family = "wasm"))]
use super::super::schema::bounds;
use super::issuer::Cloud;
use super::span::Span;

object! {
    /// One endpoint: the hosts, clusters or paths of requests, and either their model or where they name it. If any
    /// entry has hosts or clusters, a request that matches no entry has an unknown model, and rules with `models` do
    /// not permit it.
    #[derive(Debug)]
    struct Endpoint {
        /// Patterns of the host.
        #[schemars(length(min = 1))]
        hosts: Option<Vec<String>>,
        /// Patterns of the Envoy cluster that the request is routed to.
        #[schemars(length(min = 1), inner(length(min = 1)))]
        clusters: Option<Vec<String>>,
        /// Patterns of the path.
        #[schemars(length(min = 1), inner(regex(pattern = "^[/*]")))]
        paths: Option<Vec<String>>,
        /// The only model that this endpoint serves. The body is not read.
        model: Option<String>,
        /// Where the request names its model.
        model_from: Option<ModelFrom>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum ModelFrom {
        /// The top-level `model` of the JSON body.
        Body = "body",
        /// The path: `/hf-inference/models/{id}`, `/models/{id}`. A JSON body must not name a different model.
        Path = "path",
    }
}

/// Sources of revoked callers and tokens: a feed alone, or an object with `feed`, `graph` or both.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(untagged))]
pub(in crate::config) enum Revocation {
    /// A feed alone.
    Feed(Feed),
    /// Several sources.
    Sources(RevocationSources),
}

impl Shape for Revocation {
    fn read(node: Node<'_>) -> Option<Self> {
        if node.has_any(&["feed", "graph"]) {
            RevocationSources::read(node).map(Self::Sources)
        } else {
            Feed::read(node).map(Self::Feed)
        }
    }

    fn empty() -> Self {
        Self::Sources(RevocationSources::empty())
    }
}

object! {
    /// The sources of revocations.
    #[derive(Debug)]
    struct RevocationSources {
        /// A document, maintained by you, that lists revoked callers and tokens.
        feed: Option<Feed>,
        /// Entra's own directory, queried through Microsoft Graph: one entry, or a list with one entry for each issuer.
        graph: Option<RevocationGraphs>,
    }
}

object! {
    /// A feed of revoked callers and tokens. A change takes effect within `refresh`.
    #[derive(Debug)]
    struct Feed {
        /// Envoy cluster that serves the feed.
        #[schemars(length(min = 1))]
        cluster: String,
        /// URI of the service.
        #[schemars(regex(pattern = bounds::URI))]
        uri: String,
        /// Time from one fetch to the next. Default: 10s.
        refresh: Option<Span>,
        /// How long the last valid feed is used. Default: 10m.
        max_stale: Option<Span>,
        /// Timeout of one fetch. Default: 5s.
        timeout: Option<Span>,
        /// What happens if the feed is stale or was never fetched. Default: deny.
        on_stale: Option<OnStale>,
        /// How the filter authenticates to the service.
        auth: Option<Auth>,
    }
}

/// The directory of one issuer, or those of several.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(untagged))]
pub(in crate::config) enum RevocationGraphs {
    /// The directory of one issuer.
    One(Box<RevocationGraph>),
    /// One entry for each issuer.
    Several(Vec<RevocationGraph>),
}

impl Shape for RevocationGraphs {
    fn read(node: Node<'_>) -> Option<Self> {
        if node.is_list() {
            Vec::read(node).map(Self::Several)
        } else {
            Box::read(node).map(Self::One)
        }
    }

    fn empty() -> Self {
        Self::Several(Vec::new())
    }
}

object! {
    /// The directory of an Entra issuer. Disabled and deleted users and applications are denied, and so are tokens from
    /// sign-in sessions that were revoked. A change takes effect within `refresh` of the moment when Microsoft Graph shows
    /// it.
    #[derive(Debug)]
    struct RevocationGraph {
        /// Envoy cluster of Microsoft Graph.
        #[schemars(length(min = 1))]
        cluster: String,
        /// Host of Microsoft Graph. Default: the host of the issuer's cloud, such as graph.microsoft.com.
        host: Option<String>,
        /// Name of the issuer, which must accept exactly one tenant.
        issuer: String,
        /// Time from one fetch of the changes to the next. Default: 15s.
        refresh: Option<Span>,
        /// How long the last complete lists of users and of service principals are used. Default: 10m.
        max_stale: Option<Span>,
        /// Timeout of one call. Default: 5s.
        timeout: Option<Span>,
        /// What happens if a list that could revoke a caller is stale or not complete yet. Default: deny.
        on_stale: Option<OnStale>,
        /// Maximum number of disabled, deleted or changed objects in each list; every service principal counts as one.
        /// Default: 200000.
        #[schemars(range(min = 1, max = bounds::MOST_REVOCATIONS))]
        entries: Option<u64>,
        /// How the filter authenticates to Microsoft Graph.
        auth: Auth,
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum OnStale {
        /// Requests that need the feed or list are denied with 502 `revocation_unavailable`.
        Deny = "deny",
        /// Requests are decided with the last valid feed or list.
        Allow = "allow",
    }
}

object! {
    #[derive(Debug, Default)]
    struct Audit {
        /// Which decisions are written to the proxy's log. Default: all.
        log: Option<Log>,
        /// The log level of records in the proxy's log. Istio, Envoy Gateway and Kong show only warnings by default.
        /// Default: info.
        level: Option<Level>,
        /// Additional claims to record.
        claims: Vec<String> = default,
        /// The values of a decision and its response that Envoy's access log, tracer and rate limits can read, as filter
        /// state: all, none, or a list. Each value costs a host call per request. Default: true.
        filter_state: Option<FilterState>,
        /// Service that records are also sent to. Default: none.
        export: Option<Export>,
    }
}

/// Which values are written to filter state.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(untagged))]
pub(in crate::config) enum FilterState {
    /// All values, or none.
    All(bool),
    /// These values only.
    Named(Vec<StateValue>),
}

impl Shape for FilterState {
    fn read(node: Node<'_>) -> Option<Self> {
        if node.is_list() {
            Vec::read(node).map(Self::Named)
        } else {
            bool::read(node).map(Self::All)
        }
    }

    fn empty() -> Self {
        Self::All(true)
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum StateValue {
        /// The code of the decision, such as `permitted`.
        Code = "code",
        /// The rule that decided.
        Rule = "rule",
        /// The caller's object id.
        Oid = "oid",
        /// The id of the caller's application.
        Client = "client",
        /// The requested model.
        Model = "model",
        /// The tokens of the prompt; known at the end of the response, like the other two counts.
        PromptTokens = "prompt_tokens",
        /// The tokens of the answer.
        CompletionTokens = "completion_tokens",
        /// The tokens of both.
        TotalTokens = "total_tokens",
    }
}

/// Whether token usage is read, and the charge if it is unknown.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(untagged))]
pub(in crate::config) enum Usage {
    /// Whether usage is read. A response that reports none is charged 0 tokens.
    Read(bool),
    /// Usage is read, and a response that reports none is charged `unknown_tokens`.
    Charged(ChargedUsage),
}

impl Shape for Usage {
    fn read(node: Node<'_>) -> Option<Self> {
        if node.is_object() {
            ChargedUsage::read(node).map(Self::Charged)
        } else {
            bool::read(node).map(Self::Read)
        }
    }

    fn empty() -> Self {
        Self::Read(false)
    }
}

object! {
    /// The charge of responses that do not report their usage.
    #[derive(Debug)]
    struct ChargedUsage {
        /// The tokens that are charged for a successful response (2xx) of a model to a POST, if the response reports no
        /// usage or is interrupted before it does. Default: 0.
        #[schemars(range(max = bounds::MOST_CHARGED))]
        unknown_tokens: Option<u64>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum Log {
        /// Every decision.
        All = "all",
        /// Denials only.
        Denied = "denied",
        /// None.
        Off = "off",
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum Level {
        /// Visible if the proxy logs at info.
        Info = "info",
        /// Visible at every host's default log level.
        Warn = "warn",
    }
}

object! {
    #[derive(Debug)]
    struct Export {
        /// Envoy cluster of the service.
        cluster: String,
        /// URI of the service.
        uri: String,
        /// Format of the records. Default: json.
        format: Option<ExportFormat>,
        /// Maximum number of records in one call. A full batch is sent immediately. Default: 100.
        #[schemars(range(min = 1, max = 10_000))]
        batch: Option<u64>,
        /// Maximum time before a batch that is not full is sent. Default: 5s.
        every: Option<Span>,
        /// Timeout of one call. Default: 5s.
        timeout: Option<Span>,
        /// How the filter authenticates to the service.
        auth: Option<Auth>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum ExportFormat {
        /// A JSON array of records.
        Json = "json",
        /// The same for Azure Monitor's Logs Ingestion API, with `TimeGenerated` in each record.
        AzureMonitor = "azure_monitor",
        /// OTLP/HTTP with JSON: log records whose attributes are the record's fields.
        Otlp = "otlp",
    }
}

choice! {
    /// How the filter authenticates its own calls. Tokens are renewed before they expire and never logged.
    #[derive(Debug)]
    enum Auth {
        /// Name of an environment variable that holds a bearer token.
        Env(String) = "env",
        /// A token for the machine's managed identity, from Azure's instance metadata service.
        ManagedIdentity(ManagedIdentity) = "managed_identity",
        /// A token from the OAuth client credentials grant.
        ClientCredentials(ClientCredentials) = "client_credentials",
    }
}

object! {
    #[derive(Debug)]
    struct ManagedIdentity {
        /// Envoy cluster of the instance metadata service.
        cluster: String,
        /// Resource that the token is requested for, without `/.default`.
        resource: String,
        /// Client id of the identity, if the machine has several user-assigned ones.
        #[schemars(regex(pattern = bounds::GUID))]
        client_id: Option<String>,
    }
}

object! {
    #[derive(Debug)]
    struct ClientCredentials {
        /// Envoy cluster of Entra.
        cluster: String,
        /// Tenant that issues the token: its id or one of its domains.
        tenant: String,
        /// The national cloud. Default: public.
        cloud: Option<Cloud>,
        /// Client id of your app registration.
        #[schemars(regex(pattern = bounds::GUID))]
        client_id: String,
        /// The client secret, which may contain any character.
        client_secret: SecretRef,
        /// Scope that the token is requested for: a resource and `/.default`.
        scope: String,
    }
}

object! {
    /// A secret from an environment variable.
    #[derive(Debug)]
    struct SecretRef {
        /// Name of the environment variable. Line breaks at the end of its value are removed.
        #[schemars(regex(pattern = "^[^=]+$"))]
        env: String,
    }
}
