//! Wire types of `issuers`.

use super::super::node::{Node, Shape, choice, object};
use super::rule::Requirement;
use super::service::Auth;
use super::span::Span;
use serde_json::Value;

/// One trusted issuer.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Issuer {
    /// The name that rules, audit records and metrics use: `[a-z0-9-]`.
    pub name: String,
    /// Microsoft Entra ID. Issuer formats, the key set URI and claim names are predefined.
    pub entra: Option<Entra>,
    /// Any other OpenID Connect provider.
    pub oidc: Option<Oidc>,
    /// Accepted audiences: `aud` must contain one of them. GUIDs are compared case-insensitively, other values
    /// exactly.
    pub audiences: Vec<String>,
    /// Allowed client ids (`azp`, `appid`). GUIDs are compared case-insensitively. Default: all.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub clients: Vec<String>,
    /// What happens when a caller has too many groups for the token to list them. Default: deny.
    pub groups_overage: Option<GroupsOverage>,
    /// Accepted signature algorithms. Default: RS256 for `entra`; RS256, ES256 for `oidc`.
    pub algorithms: Option<Vec<String>>,
    /// Which claims the requirements of rules read.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub claims: Claims,
    /// Where the signature keys come from.
    pub jwks: Jwks,
}

object!(Issuer {
    name: required,
    entra: optional,
    oidc: optional,
    audiences: required,
    clients: optional,
    groups_overage: optional,
    algorithms: optional,
    claims: optional,
    jwks: required,
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Entra {
    /// Accepted tenant ids (GUIDs). `["*"]` accepts any tenant.
    pub tenants: Vec<String>,
    /// The national cloud. Default: public.
    pub cloud: Option<Cloud>,
    /// Accepted token versions. Default: both.
    pub versions: Option<Vec<Version>>,
    /// Client id of an app that has its own signing keys; it is added to the key set URI. Default: none.
    pub app_id: Option<String>,
}

object!(Entra {
    tenants: required,
    cloud: optional,
    versions: optional,
    app_id: optional,
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Cloud {
    /// login.microsoftonline.com
    Public,
    /// login.microsoftonline.us
    UsGov,
    /// login.partner.microsoftonline.cn
    China,
}

choice!(Cloud {
    Public = "public",
    UsGov = "us_gov",
    China = "china",
});

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Version {
    /// `ver` 1.0, from sts.windows.net.
    V1,
    /// `ver` 2.0.
    V2,
}

choice!(Version {
    V1 = "v1",
    V2 = "v2",
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Oidc {
    /// `iss` must equal this.
    pub issuer: String,
}

object!(Oidc { issuer: required });

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum GroupsOverage {
    /// Rules that require a group do not permit the caller.
    Deny,
    /// The filter looks the groups up in Microsoft Graph.
    Graph(Box<Graph>),
}

choice!(GroupsOverage {
    Deny = "deny",
    Graph(_) = "graph",
});

#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Graph {
    /// Envoy cluster of Microsoft Graph.
    pub cluster: String,
    /// Host of Microsoft Graph. Default: the host of the issuer's cloud, such as graph.microsoft.com.
    pub host: Option<String>,
    /// How long a response is cached. Default: 5m.
    pub ttl: Option<Span>,
    /// Timeout of one call. Default: 5s.
    pub timeout: Option<Span>,
    /// How the filter authenticates to Microsoft Graph.
    pub auth: Auth,
}

object!(Graph {
    cluster: required,
    host: optional,
    ttl: optional,
    timeout: optional,
    auth: required,
});

/// The claims of a provider that does not use Entra's claim names. Each path is a member name, or a JSON Pointer if
/// it begins with `/`.
#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Claims {
    /// App roles. Default: roles.
    pub roles: Option<List>,
    /// Groups. Default: groups.
    pub groups: Option<List>,
    /// Scopes: a space-separated string or an array. Default: scope, else scp.
    pub scopes: Option<String>,
    /// The client id. Default: for `entra` appid in v1 tokens and azp in v2 tokens; for `oidc` azp,
    /// else appid, else client_id.
    pub client: Option<String>,
    /// The caller's id. Default: oid for `entra`, sub for `oidc`.
    pub object: Option<String>,
    /// The tenant's id. Default: tid.
    pub tenant: Option<String>,
    /// How tokens of users and applications differ, for `oidc` issuers. Default: RFC 9068 (`sub` equal to the client
    /// id: an application), and the claims of Keycloak and Auth0.
    pub kind: Option<Kind>,
}

object!(Claims {
    roles: optional,
    groups: optional,
    scopes: optional,
    client: optional,
    object: optional,
    tenant: optional,
    kind: optional,
});

/// The location of a list of names: a claim path, or an object that also describes the format.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(untagged))]
pub(in crate::config) enum List {
    /// Path of a string or an array of strings: a member name, or a JSON Pointer if it begins with `/`.
    Path(String),
    /// A claim that holds the names in objects.
    Objects(Objects),
}

impl Shape for List {
    fn read(node: Node<'_>) -> Option<Self> {
        match node.text() {
            Some(path) => Some(Self::Path(path.to_owned())),
            None => Objects::read(node).map(Self::Objects),
        }
    }

    fn empty() -> Self {
        Self::Path(String::new())
    }
}

/// A claim that holds names in objects.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Objects {
    /// A member name, or a JSON Pointer if it begins with `/`.
    pub path: String,
    /// The claim is an array of objects, and this member of each object holds a name: `name` for `[{"name":
    /// "admin"}]`.
    pub member: Option<String>,
    /// `true`: the claim is an object, and its keys are the names, as in ZITADEL's `{"admin": {…}}`.
    pub keys: Option<bool>,
}

object!(Objects {
    path: required,
    member: optional,
    keys: optional,
});

/// Either a `preset`, or both `app` and `user`. A token that satisfies neither or both of them is of unknown kind.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Kind {
    /// A provider whose access tokens are supported.
    pub preset: Option<Preset>,
    /// The requirement that tokens of applications satisfy: `claim`, combined with `all`, `any` and `not`.
    pub app: Option<Requirement>,
    /// The requirement that tokens of users satisfy.
    pub user: Option<Requirement>,
}

object!(Kind {
    preset: optional,
    app: optional,
    user: optional,
});

#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(rename_all = "snake_case"))]
pub(in crate::config) enum Preset {
    /// Service accounts are applications. Tokens with a session belong to users.
    Keycloak,
    /// `gty: client-credentials` is an application; `sub` with a `|` is a user.
    Auth0,
    /// `uid` is a user; `sub` equal to `cid` is an application.
    Okta,
    /// `username` is a user; `sub` equal to `client_id` is an application.
    Cognito,
    /// An `email` under gserviceaccount.com is an application; any other `email` is a user.
    Google,
    /// Every caller is an application (a workflow).
    GithubActions,
    /// Service accounts are applications.
    Kubernetes,
}

choice!(Preset {
    Keycloak = "keycloak",
    Auth0 = "auth0",
    Okta = "okta",
    Cognito = "cognito",
    Google = "google",
    GithubActions = "github_actions",
    Kubernetes = "kubernetes",
});

/// The signature keys. An `entra` issuer may omit `uri`, `discovery` and `inline`: its key set URI is predefined.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Jwks {
    /// Envoy cluster that serves the key set; `host:port` on Kong.
    pub cluster: Option<String>,
    /// URI of the key set (JWKS).
    pub uri: Option<String>,
    /// URI of the discovery document, whose `jwks_uri` is the URI of the key set.
    pub discovery: Option<String>,
    /// Envoy cluster that serves the `jwks_uri` of the discovery document. Default: `cluster`.
    pub keys_cluster: Option<String>,
    /// The key set itself. Nothing is fetched.
    pub inline: Option<InlineKeys>,
    /// Time from a valid response to the next fetch. Default: 1h.
    pub refresh: Option<Span>,
    /// How long keys are used after the last valid response. Default: 24h.
    pub max_stale: Option<Span>,
    /// Minimum time between fetches that unknown `kid` values trigger. Default: 30s.
    pub cooldown: Option<Span>,
    /// Timeout of one fetch. Default: 5s.
    pub timeout: Option<Span>,
}

object!(Jwks {
    cluster: optional,
    uri: optional,
    discovery: optional,
    keys_cluster: optional,
    inline: optional,
    refresh: optional,
    max_stale: optional,
    cooldown: optional,
    timeout: optional,
});

/// A JWKS (RFC 7517).
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct InlineKeys {
    /// JSON Web Keys.
    pub keys: Vec<Value>,
}

object!(InlineKeys { keys: required });
