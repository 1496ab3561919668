//! Wire types of `issuers`.

use super::super::node::{Node, Shape, choice, object};
#[cfg(not(target_family = "wasm"))]
use super::super::schema::bounds;
use super::rule::Requirement;
use super::service::Auth;
use super::span::Span;
use serde_json::Value;

object! {
    /// One trusted issuer.
    #[derive(Debug)]
    struct Issuer {
        /// The name that rules, audit records and metrics use: `[a-z0-9-]`.
        #[schemars(regex(pattern = bounds::NAME))]
        name: String,
        /// Microsoft Entra ID. Issuer formats, the key set URI and claim names are predefined.
        entra: Option<Entra>,
        /// Any other OpenID Connect provider.
        oidc: Option<Oidc>,
        /// Accepted audiences: `aud` must contain one of them. GUIDs are compared case-insensitively, other values
        /// exactly.
        #[schemars(length(min = 1), inner(length(min = 1)))]
        audiences: Vec<String>,
        /// Allowed client ids (`azp`, `appid`). GUIDs are compared case-insensitively. Default: all.
        #[schemars(inner(length(min = 1)))]
        clients: Vec<String> = default,
        /// What happens when a caller has too many groups for the token to list them. Default: deny.
        groups_overage: Option<GroupsOverage>,
        /// Accepted signature algorithms. Default: RS256 for `entra`; RS256, ES256 for `oidc`.
        #[schemars(length(min = 1), extend("items" = {"type": "string", "enum": bounds::algorithms()}))]
        algorithms: Option<Vec<String>>,
        /// Which claims the requirements of rules read.
        claims: Claims = default,
        /// Where the signature keys come from.
        jwks: Jwks,
    }
}

object! {
    #[derive(Debug)]
    struct Entra {
        /// Accepted tenant ids (GUIDs). `["*"]` accepts any tenant.
        #[schemars(length(min = 1), inner(regex(pattern = bounds::TENANT)))]
        tenants: Vec<String>,
        /// The national cloud. Default: public.
        cloud: Option<Cloud>,
        /// Accepted token versions. Default: both.
        #[schemars(length(min = 1))]
        versions: Option<Vec<Version>>,
        /// Client id of an app that has its own signing keys; it is added to the key set URI. Default: none.
        #[schemars(regex(pattern = bounds::GUID))]
        app_id: Option<String>,
        /// `true`: your API requests the optional claims `xms_act_fct` and `xms_sub_fct`, so a token without them is not
        /// an agent's. Otherwise `actor` is indeterminate for tokens without them. Default: false.
        agent_claims: Option<bool>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum Cloud {
        /// login.microsoftonline.com
        Public = "public",
        /// login.microsoftonline.us
        UsGov = "us_gov",
        /// login.partner.microsoftonline.cn
        China = "china",
    }
}

choice! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Version {
        /// `ver` 1.0, from sts.windows.net.
        V1 = "v1",
        /// `ver` 2.0.
        V2 = "v2",
    }
}

object! {
    #[derive(Debug)]
    struct Oidc {
        /// `iss` must equal this.
        #[schemars(length(min = 1))]
        issuer: String,
    }
}

choice! {
    #[derive(Debug)]
    enum GroupsOverage {
        /// Rules that require a group do not permit the caller.
        Deny = "deny",
        /// The filter looks up the groups in Microsoft Graph.
        Graph(Box<Graph>) = "graph",
    }
}

object! {
    #[derive(Debug)]
    struct Graph {
        /// Envoy cluster of Microsoft Graph.
        cluster: String,
        /// Host of Microsoft Graph. Default: the host of the issuer's cloud, such as graph.microsoft.com.
        host: Option<String>,
        /// How long a response is cached. Default: 5m.
        ttl: Option<Span>,
        /// Timeout of one call. Default: 5s.
        timeout: Option<Span>,
        /// How the filter authenticates to Microsoft Graph.
        auth: Auth,
    }
}

object! {
    /// The claims of a provider that does not use Entra's claim names. Each path is a member name, or a JSON Pointer if
    /// it begins with `/`.
    #[derive(Debug, Default)]
    struct Claims {
        /// App roles. Default: roles.
        roles: Option<List>,
        /// Groups. Default: groups.
        groups: Option<List>,
        /// Scopes: a space-separated string or an array. Default: scope, or scp if the token has no scope.
        scopes: Option<String>,
        /// The client id. Default: for `entra` appid in v1 tokens and azp in v2 tokens; for `oidc` the first of azp,
        /// appid and client_id.
        client: Option<String>,
        /// The caller's id. Default: oid for `entra`, sub for `oidc`.
        object: Option<String>,
        /// The tenant's id. Default: tid.
        tenant: Option<String>,
        /// How tokens of users and applications differ, for `oidc` issuers. Default: RFC 9068 (`sub` equal to the
        /// client id: an application), and the claims of Keycloak and Auth0.
        kind: Option<Kind>,
    }
}

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

object! {
    /// A claim that holds names in objects.
    #[derive(Debug)]
    struct Objects {
        /// A member name, or a JSON Pointer if it begins with `/`.
        path: String,
        /// The claim is an array of objects, and this member of each object holds a name: `name` for `[{"name":
        /// "admin"}]`.
        member: Option<String>,
        /// `true`: the claim is an object, and its keys are the names, as in ZITADEL's `{"admin": {…}}`.
        keys: Option<bool>,
    }
}

object! {
    /// Either a `preset`, or both `app` and `user`. A token that satisfies neither or both of them has an unknown kind.
    #[derive(Debug)]
    struct Kind {
        /// A provider whose access tokens are supported.
        preset: Option<Preset>,
        /// The requirement that tokens of applications satisfy: `claim`, combined with `all`, `any` and `not`.
        app: Option<Requirement>,
        /// The requirement that tokens of users satisfy.
        user: Option<Requirement>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum Preset {
        /// Service accounts are applications. Tokens with a session belong to users.
        Keycloak = "keycloak",
        /// `gty: client-credentials` is an application; `sub` with a `|` is a user.
        Auth0 = "auth0",
        /// `uid` is a user; `sub` equal to `cid` is an application.
        Okta = "okta",
        /// `username` is a user; `sub` equal to `client_id` is an application.
        Cognito = "cognito",
        /// An `email` under gserviceaccount.com is an application; any other `email` is a user.
        Google = "google",
        /// Every caller is an application (a workflow).
        GithubActions = "github_actions",
        /// Service accounts are applications.
        Kubernetes = "kubernetes",
    }
}

object! {
    /// The signature keys. An `entra` issuer may omit `uri`, `discovery` and `inline`: its key set URI is predefined.
    #[derive(Debug)]
    struct Jwks {
        /// Envoy cluster that serves the key set; `host:port` on Kong.
        #[schemars(length(min = 1))]
        cluster: Option<String>,
        /// URI of the key set (JWKS).
        #[schemars(regex(pattern = bounds::URI))]
        uri: Option<String>,
        /// URI of the discovery document, whose `jwks_uri` is the URI of the key set.
        #[schemars(regex(pattern = bounds::URI))]
        discovery: Option<String>,
        /// Envoy cluster that serves the `jwks_uri` of the discovery document. Default: `cluster`.
        keys_cluster: Option<String>,
        /// The key set itself. Nothing is fetched.
        inline: Option<InlineKeys>,
        /// Time from a valid response to the next fetch. Default: 1h.
        refresh: Option<Span>,
        /// How long keys are used after the last valid response. Default: 24h.
        max_stale: Option<Span>,
        /// Minimum time between fetches that unknown `kid` values trigger. Default: 30s.
        cooldown: Option<Span>,
        /// Timeout of one fetch. Default: 5s.
        timeout: Option<Span>,
    }
}

object! {
    /// A JWKS (RFC 7517).
    #[derive(Debug)]
    struct InlineKeys {
        /// JSON Web Keys.
        #[schemars(length(min = 1))]
        keys: Vec<Value>,
    }
}
