//! Wire types of `endpoints`, `revocation`, `audit` and `auth`.

use super::super::node::{choice, object};
use super::issuer::Cloud;
use super::span::Span;

/// One endpoint: the hosts, clusters or paths of requests, and either their model or where they name it. If any entry
/// has hosts or clusters, a request that matches no entry has an unknown model, and rules with `models` do not permit
/// it.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Endpoint {
    /// Patterns of the host.
    pub hosts: Option<Vec<String>>,
    /// Patterns of the Envoy cluster that the request is routed to.
    pub clusters: Option<Vec<String>>,
    /// Patterns of the path.
    pub paths: Option<Vec<String>>,
    /// The only model that this endpoint serves. The body is not read.
    pub model: Option<String>,
    /// Where the request names its model.
    pub model_from: Option<ModelFrom>,
}

object!(Endpoint {
    hosts: optional,
    clusters: optional,
    paths: optional,
    model: optional,
    model_from: optional,
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum ModelFrom {
    /// The top-level `model` of the JSON body.
    Body,
    /// The path: `/hf-inference/models/{id}`, `/models/{id}`. A JSON body must not name a different model.
    Path,
}

choice!(ModelFrom {
    Body = "body",
    Path = "path",
});

/// A feed of revoked callers and tokens. A change takes effect within `refresh`.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Revocation {
    /// Envoy cluster that serves the feed.
    pub cluster: String,
    /// URI of the service.
    pub uri: String,
    /// Time from one fetch to the next. Default: 10s.
    pub refresh: Option<Span>,
    /// How long the last valid feed is used. Default: 10m.
    pub max_stale: Option<Span>,
    /// Timeout of one fetch. Default: 5s.
    pub timeout: Option<Span>,
    /// What happens if the feed is stale or was never fetched. Default: deny.
    pub on_stale: Option<OnStale>,
    /// How the filter authenticates to the service.
    pub auth: Option<Auth>,
}

object!(Revocation {
    cluster: required,
    uri: required,
    refresh: optional,
    max_stale: optional,
    timeout: optional,
    on_stale: optional,
    auth: optional,
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum OnStale {
    /// Every request is answered 502 `revocation_unavailable`.
    Deny,
    /// Requests are decided with the last valid feed.
    Allow,
}

choice!(OnStale {
    Deny = "deny",
    Allow = "allow",
});

#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Audit {
    /// Which decisions are written to the proxy's log. Default: all.
    pub log: Option<Log>,
    /// The log level of records in the proxy's log. Istio, Envoy Gateway and Kong show only warnings by default. Default: info.
    pub level: Option<Level>,
    /// Additional claims to record.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub claims: Vec<String>,
    /// Whether code, rule, object and client of a decision are available to Envoy's access log and tracer as filter
    /// state. Default: true.
    pub filter_state: Option<bool>,
    /// Service that records are also sent to. Default: none.
    pub export: Option<Export>,
}

object!(Audit {
    log: optional,
    level: optional,
    claims: optional,
    filter_state: optional,
    export: optional,
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Log {
    /// Every decision.
    All,
    /// Denials only.
    Denied,
    /// None.
    Off,
}

choice!(Log {
    All = "all",
    Denied = "denied",
    Off = "off",
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Level {
    /// Visible if the proxy logs at info.
    Info,
    /// Visible at every host's default log level.
    Warn,
}

choice!(Level {
    Info = "info",
    Warn = "warn",
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Export {
    /// Envoy cluster of the service.
    pub cluster: String,
    /// URI of the service.
    pub uri: String,
    /// Format of the records. Default: json.
    pub format: Option<ExportFormat>,
    /// Maximum number of records in one call. A full batch is sent immediately. Default: 100.
    pub batch: Option<u64>,
    /// Maximum time before a batch that is not full is sent. Default: 5s.
    pub every: Option<Span>,
    /// Timeout of one call. Default: 5s.
    pub timeout: Option<Span>,
    /// How the filter authenticates to the service.
    pub auth: Option<Auth>,
}

object!(Export {
    cluster: required,
    uri: required,
    format: optional,
    batch: optional,
    every: optional,
    timeout: optional,
    auth: optional,
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum ExportFormat {
    /// A JSON array of records.
    Json,
    /// The same for Azure Monitor's Logs Ingestion API, with `TimeGenerated` in each record.
    AzureMonitor,
    /// OTLP/HTTP with JSON: log records whose attributes are the record's fields.
    Otlp,
}

choice!(ExportFormat {
    Json = "json",
    AzureMonitor = "azure_monitor",
    Otlp = "otlp",
});

/// How the filter authenticates its own calls. Tokens are renewed before they expire and never logged.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Auth {
    /// Name of an environment variable that holds a bearer token.
    Env(String),
    /// A token for the machine's managed identity, from Azure's instance metadata service.
    ManagedIdentity(ManagedIdentity),
    /// A token from the OAuth client credentials grant.
    ClientCredentials(ClientCredentials),
}

choice!(Auth {
    Env(_) = "env",
    ManagedIdentity(_) = "managed_identity",
    ClientCredentials(_) = "client_credentials",
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct ManagedIdentity {
    /// Envoy cluster of the instance metadata service.
    pub cluster: String,
    /// Resource that the token is requested for, without `/.default`.
    pub resource: String,
    /// Client id of the identity, if the machine has several user-assigned ones.
    pub client_id: Option<String>,
}

object!(ManagedIdentity {
    cluster: required,
    resource: required,
    client_id: optional,
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct ClientCredentials {
    /// Envoy cluster of Entra.
    pub cluster: String,
    /// Tenant that issues the token: its id or one of its domains.
    pub tenant: String,
    /// The national cloud. Default: public.
    pub cloud: Option<Cloud>,
    /// Client id of your app registration.
    pub client_id: String,
    /// The client secret, which may contain any character.
    pub client_secret: SecretRef,
    /// Scope that the token is requested for: a resource and `/.default`.
    pub scope: String,
}

object!(ClientCredentials {
    cluster: required,
    tenant: required,
    cloud: optional,
    client_id: required,
    client_secret: required,
    scope: required,
});

/// A secret from an environment variable.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct SecretRef {
    /// Name of the environment variable. Line breaks at the end of its value are removed.
    pub env: String,
}

object!(SecretRef { env: required });
