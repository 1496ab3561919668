//! Shapes of what surrounds the decision: endpoints, the revocation feed, the audit record, and how
//! our own callouts authenticate.

use super::super::node::{choice, object};
use super::issuer::Cloud;
use super::span::Span;

/// Which model answers where: hosts, clusters or paths, and a model or where it is named. Once any entry
/// has hosts or clusters, a request that matches no entry has an unknown model: rules that name models do
/// not permit it.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Endpoint {
    /// Patterns of hosts.
    pub hosts: Option<Vec<String>>,
    /// Patterns of Envoy cluster names: the cluster that Envoy has chosen for the request.
    pub clusters: Option<Vec<String>>,
    /// Patterns of paths.
    pub paths: Option<Vec<String>>,
    /// The one model that answers here; the body is not read.
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
    /// The JSON body's top-level `model`.
    Body,
    /// The path: `/hf-inference/models/{id}`, `/models/{id}`. A JSON body must not name another model.
    Path,
}

choice!(ModelFrom {
    Body = "body",
    Path = "path",
});

/// A feed of revoked callers and tokens; takes effect within `refresh`.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Revocation {
    /// Envoy cluster that serves the feed.
    pub cluster: String,
    /// Its address.
    pub uri: String,
    /// From one fetch to the next. Default: 10s.
    pub refresh: Option<Span>,
    /// How long the last good answer counts. Default: 10m.
    pub max_stale: Option<Span>,
    /// How long one fetch may take. Default: 5s.
    pub timeout: Option<Span>,
    /// What happens when the feed is stale or never came. Default: deny.
    pub on_stale: Option<OnStale>,
    /// Who we are to that service.
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
    /// Those pass whom the last good answer does not revoke.
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
    /// Which decisions make a line of the log. Default: all.
    pub log: Option<Log>,
    /// The log level of records in the proxy's log. Istio, Envoy Gateway and Kong show only warnings by default. Default: info.
    pub level: Option<Level>,
    /// Further claims to record.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub claims: Vec<String>,
    /// Whether Envoy's access log and tracer can show code, rule, object and client of a decision. Default: true.
    pub filter_state: Option<bool>,
    /// Where records are sent besides.
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
    /// Shown where the proxy logs at info.
    Info,
    /// Shown by every host's default log level.
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
    /// Envoy cluster that takes the records.
    pub cluster: String,
    /// Its address.
    pub uri: String,
    /// What the service takes. Default: json.
    pub format: Option<ExportFormat>,
    /// Most records of one call; as many begin one at once. Default: 100.
    pub batch: Option<u64>,
    /// Longest wait before a smaller batch is sent. Default: 5s.
    pub every: Option<Span>,
    /// How long one call may take. Default: 5s.
    pub timeout: Option<Span>,
    /// Who we are to that service.
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
    /// An array of the records.
    Json,
    /// Azure Monitor's Logs Ingestion API: the same, with `TimeGenerated`.
    AzureMonitor,
    /// OTLP/HTTP with JSON: log records, whose attributes are the members.
    Otlp,
}

choice!(ExportFormat {
    Json = "json",
    AzureMonitor = "azure_monitor",
    Otlp = "otlp",
});

/// How a callout of our own authenticates. Tokens are renewed ahead of expiry and never logged.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Auth {
    /// A bearer token from that environment variable.
    Env(String),
    /// A token of the machine's own identity (Azure's instance metadata service).
    ManagedIdentity(ManagedIdentity),
    /// A token by the OAuth client credentials grant.
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
    /// What the token is for: the resource, without `/.default`.
    pub resource: String,
    /// Which of several user-assigned identities.
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
    /// The tenant that the token is for: its id, or one of its domains.
    pub tenant: String,
    /// The national cloud. Default: public.
    pub cloud: Option<Cloud>,
    /// Our app registration.
    pub client_id: String,
    /// Its secret, which may hold any character.
    pub client_secret: SecretRef,
    /// What the token is for: a resource and `/.default`.
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

/// A secret that stands in the environment.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct SecretRef {
    /// The variable's name. Line ends at the end of its value are removed.
    pub env: String,
}

object!(SecretRef { env: required });
