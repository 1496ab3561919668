//! Shapes of `issuers`.

use super::super::node::{Node, Shape, choice, object};
use super::rule::Requirement;
use super::service::Auth;
use super::span::Span;
use serde_json::Value;

/// One trusted issuer: `entra` or `oidc`.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Issuer {
    /// Used in rules, audit and metrics: `[a-z0-9-]`.
    pub name: String,
    /// Microsoft Entra ID: issuer forms, address of the keys and claim names come with it.
    pub entra: Option<Entra>,
    /// Any other OpenID Connect provider.
    pub oidc: Option<Oidc>,
    /// `aud` must hold one of these: a GUID in any case, any other text exactly.
    pub audiences: Vec<String>,
    /// Allowed client ids (`azp`, `appid`); GUIDs in any case. Default: all.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub clients: Vec<String>,
    /// What happens when a token names too many groups to hold them. Default: deny.
    pub groups_overage: Option<GroupsOverage>,
    /// Accepted signature algorithms. Default: RS256 for `entra`; RS256, ES256 for `oidc`.
    pub algorithms: Option<Vec<String>>,
    /// Which claims hold what rules ask for.
    #[cfg_attr(not(target_family = "wasm"), schemars(default))]
    pub claims: Claims,
    /// Where the keys come from.
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
    /// Tenant ids (GUIDs); `["*"]` accepts any tenant.
    pub tenants: Vec<String>,
    /// The national cloud. Default: public.
    pub cloud: Option<Cloud>,
    /// Accepted token versions. Default: both.
    pub versions: Option<Vec<Version>>,
    /// For an app with signing keys of its own: its client id, added to the keys' address.
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
    /// A rule that needs a group is not satisfied.
    Deny,
    /// Microsoft Graph is asked.
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
    /// Its host. Default: that of the issuer's cloud, such as graph.microsoft.com.
    pub host: Option<String>,
    /// How long an answer is remembered. Default: 5m.
    pub ttl: Option<Span>,
    /// How long one call may take. Default: 5s.
    pub timeout: Option<Span>,
    /// Who we are to Graph.
    pub auth: Auth,
}

object!(Graph {
    cluster: required,
    host: optional,
    ttl: optional,
    timeout: optional,
    auth: required,
});

/// Where a provider keeps what Entra has under fixed names: a member's name, or a JSON Pointer when
/// it begins with `/`.
#[derive(Debug, Default)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Claims {
    /// App roles. Default: roles.
    pub roles: Option<List>,
    /// Groups. Default: groups.
    pub groups: Option<List>,
    /// A text of words, or a list. Default: scope, else scp.
    pub scopes: Option<String>,
    /// The client that asked for the token. Default: for `entra` appid in v1 tokens and azp in v2 tokens; for `oidc` azp,
    /// else appid, else client_id.
    pub client: Option<String>,
    /// The caller's id. Default: oid for `entra`, sub for `oidc`.
    pub object: Option<String>,
    /// The tenant's id. Default: tid.
    pub tenant: Option<String>,
    /// How an `oidc` provider tells people from applications. Default: RFC 9068 (`sub` equal to the client: an
    /// application), and the marks of Keycloak and Auth0.
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

/// Where a list of names is: a claim's path, or an object that also says how the names are written.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(untagged))]
pub(in crate::config) enum List {
    /// A string or an array of strings: a member's name, or a JSON Pointer when it begins with `/`.
    Path(String),
    /// Objects that hold the names.
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

/// Names in objects: `member` or `keys`.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Objects {
    /// A member's name, or a JSON Pointer when it begins with `/`.
    pub path: String,
    /// The claim is an array of objects; this member of each is a name: `name` for `[{"name": "admin"}]`.
    pub member: Option<String>,
    /// `true`: the claim is an object; the names of its members are the names, as in ZITADEL's `{"admin": {…}}`.
    pub keys: Option<bool>,
}

object!(Objects {
    path: required,
    member: optional,
    keys: optional,
});

/// A `preset`, or requirements on claims. A token that satisfies neither or both is of unknown kind.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Kind {
    /// A provider whose access tokens are known.
    pub preset: Option<Preset>,
    /// What tokens of applications satisfy: `claim`, combined by `all`, `any` and `not`.
    pub app: Option<Requirement>,
    /// What tokens of people satisfy.
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
    /// Service accounts are applications; tokens with a session are a person's.
    Keycloak,
    /// `gty: client-credentials` is an application; `sub` with a `|` is a person.
    Auth0,
    /// `uid` is a person; `sub` equal to `cid` is an application.
    Okta,
    /// `username` is a person; `sub` equal to `client_id` is an application.
    Cognito,
    /// An `email` below gserviceaccount.com is an application, any other is a person.
    Google,
    /// Workflows are applications.
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

/// One of `uri`, `discovery` and `inline`; for `entra` the address may be left out.
#[derive(Debug)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_family = "wasm"), schemars(deny_unknown_fields))]
pub(in crate::config) struct Jwks {
    /// Envoy cluster that serves the keys; `host:port` on Kong.
    pub cluster: Option<String>,
    /// Address of the key set.
    pub uri: Option<String>,
    /// Address of the discovery document that names the key set's.
    pub discovery: Option<String>,
    /// Cluster of the `jwks_uri` that discovery names, where it is another. Default: `cluster`.
    pub keys_cluster: Option<String>,
    /// The key set itself; never fetched.
    pub inline: Option<InlineKeys>,
    /// From a good answer to the next fetch. Default: 1h.
    pub refresh: Option<Span>,
    /// How long keys serve after the last good answer. Default: 24h.
    pub max_stale: Option<Span>,
    /// Between fetches for unknown kids. Default: 30s.
    pub cooldown: Option<Span>,
    /// How long one fetch may take. Default: 5s.
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
