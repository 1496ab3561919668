//! Wire types of `rules`.

use super::super::node::{choice, object};
#[cfg(not(target_family = "wasm"))]
use super::super::schema::bounds;
use serde_json::Value;

object! {
    /// One rule: the requests and callers that it applies to, and its effect.
    #[derive(Debug)]
    struct Rule {
        /// The name that audit records and metrics use: `[a-z0-9-]`.
        #[schemars(regex(pattern = bounds::NAME))]
        name: String,
        /// The requests that the rule applies to. Default: all.
        matches as "match": Match = default,
        /// The requirement on the caller or the context. Required, except in anonymous rules and rules with `effect:
        /// deny`.
        require: Option<Requirement>,
        /// `true`: the rule requires no token, and trusts nothing that the request says about the caller.
        anonymous: bool = default,
        /// The effect of a rule whose requirement is satisfied. Default: allow.
        effect: Option<Effect>,
        /// The credential that is sent with a permitted request; `none` sends no credential, for an upstream that needs
        /// none. The caller's own token is always removed.
        credential: Option<String>,
        /// The organization, or the id of the resource group, that is billed for requests that the rule permits. Default:
        /// that of the credential.
        #[schemars(regex(pattern = bounds::BILL_TO))]
        bill_to: Option<String>,
        /// Whether the rule affects decisions. Default: enforce.
        mode: Option<Mode>,
    }
}

choice! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Effect {
        /// Permits callers that satisfy `require`.
        Allow = "allow",
        /// Denies callers that satisfy `require`, even if another rule permits them.
        Deny = "deny",
    }
}

choice! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Mode {
        /// The rule affects decisions.
        Enforce = "enforce",
        /// The rule is evaluated and recorded, and has no effect on decisions.
        Shadow = "shadow",
    }
}

object! {
    /// Conditions on the request. Every field that is set must match; a list matches if any entry does. In patterns,
    /// `*` matches within a segment and `**` across segments.
    #[derive(Debug, Default)]
    struct Match {
        /// Patterns of the host, without port; case-insensitive.
        #[schemars(length(min = 1))]
        hosts: Option<Vec<String>>,
        /// HTTP methods.
        #[schemars(length(min = 1))]
        methods: Option<Vec<String>>,
        /// Patterns of the path, without query and percent-decoded once.
        #[schemars(length(min = 1), inner(regex(pattern = "^[/*]")))]
        paths: Option<Vec<String>>,
        /// Patterns of the model id, without suffix. `endpoints` defines where a request names its model.
        #[schemars(length(min = 1))]
        models: Option<Vec<String>>,
        /// JSON-RPC messages for an MCP server. Requires `paths`, `hosts` or `clusters`, because other bodies are refused
        /// there.
        mcp: Option<Mcp>,
        /// Patterns of the Envoy cluster that the request is routed to (`xds.cluster_name`). `/` separates segments;
        /// case-sensitive.
        #[schemars(length(min = 1), inner(length(min = 1)))]
        clusters: Option<Vec<String>>,
        /// Names of issuers.
        #[schemars(length(min = 1))]
        issuers: Option<Vec<String>>,
    }
}

object! {
    /// JSON-RPC messages of the Model Context Protocol. An allow rule or an anonymous rule matches only POST requests,
    /// and a batch only if all of its messages are permitted with the same credential.
    #[derive(Debug, Default)]
    struct Mcp {
        /// Patterns of JSON-RPC methods, such as `tools/call` or `notifications/*`; `**` matches all. `response` is a
        /// client's answer to a request of the server. Default: `tools/call`.
        #[schemars(length(min = 1), inner(regex(pattern = "^[!-~]+$")))]
        methods: Option<Vec<String>>,
        /// Patterns of tools, for the method `tools/call`. Default: all tools, and calls that name no tool.
        #[schemars(length(min = 1), inner(length(min = 1)))]
        tools: Option<Vec<String>>,
    }
}

choice! {
    /// A requirement: exactly one of these.
    #[derive(Debug)]
    enum Requirement {
        /// An app role (`roles`).
        Role(#[schemars(length(min = 1))] String) = "role",
        /// A group's id (`groups`).
        Group(#[schemars(length(min = 1))] String) = "group",
        /// A delegated permission (`scp`).
        Scope(#[schemars(length(min = 1))] String) = "scope",
        /// A directory role's template id (`wids`).
        DirectoryRole(#[schemars(regex(pattern = bounds::GUID))] String) = "directory_role",
        /// A client id (`azp`, `appid`).
        Client(#[schemars(length(min = 1))] String) = "client",
        /// An object id (`oid`).
        Object(#[schemars(length(min = 1))] String) = "object",
        /// A tenant id (`tid`).
        Tenant(#[schemars(length(min = 1))] String) = "tenant",
        /// A configured issuer's name.
        Issuer(String) = "issuer",
        /// The kind of caller: a user, an app or an agent.
        Kind(Kind) = "kind",
        /// The acting party is an agent, on its own behalf or on behalf of a user. Indeterminate if the token does
        /// not contain this information; see `entra.agent_claims`.
        Actor(Actor) = "actor",
        /// A managed identity: its ARM id (`xms_mirid`) or its `oid`.
        ManagedIdentity(String) = "managed_identity",
        /// `true`: the user signed in with multi-factor authentication (`amr`).
        Mfa(#[schemars(extend("const" = true))] bool) = "mfa",
        /// An authentication context (`acrs`): c1 to c99.
        AuthContext(#[schemars(regex(pattern = "^c[1-9][0-9]?$"))] String) = "auth_context",
        /// IPv4 and IPv6 ranges (CIDR) or single addresses that contain the client's address. See `client_address`.
        Source(#[schemars(length(min = 1))] Vec<String>) = "source",
        /// A time window in the week.
        Time(Window) = "time",
        /// A pattern of the URI in the client certificate, such as `spiffe://contoso.com/ns/*/sa/nightly`. The listener
        /// must verify client certificates against a CA.
        Peer(#[schemars(length(min = 1))] String) = "peer",
        /// A test of any claim.
        Claim(Claim) = "claim",
        /// All of these requirements.
        All(#[schemars(length(min = 1))] Vec<Requirement>) = "all",
        /// At least one of these requirements.
        Any(#[schemars(length(min = 1))] Vec<Requirement>) = "any",
        /// The opposite of this requirement.
        Not(Box<Requirement>) = "not",
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum Kind {
        /// A user who signed in, possibly represented by an agent.
        User = "user",
        /// An app or a managed identity that acts without a user.
        App = "app",
        /// An agent that acts on its own behalf, or through its own user account.
        Agent = "agent",
    }
}

choice! {
    #[derive(Clone, Copy, Debug)]
    enum Actor {
        /// An agent.
        Agent = "agent",
    }
}

object! {
    /// One test of one claim.
    #[derive(Debug)]
    struct Claim {
        /// A member name, or a JSON Pointer if it begins with `/`.
        #[schemars(length(min = 1))]
        path: String,
        /// The claim is a scalar with this value.
        #[schemars(extend("type" = bounds::SCALAR))]
        equals: Option<Value>,
        /// The claim is a scalar with one of these values.
        #[schemars(length(min = 1), extend("items" = {"type": bounds::SCALAR}))]
        one_of: Option<Vec<Value>>,
        /// The claim is an array that contains this value; or one of Entra's sets of numbers, such as `xms_act_fct`,
        /// that contains this number.
        #[schemars(extend("type" = bounds::SCALAR))]
        contains: Option<Value>,
        /// Whether the token has the claim.
        present: Option<bool>,
    }
}

object! {
    #[derive(Debug)]
    struct Window {
        /// Days of the week. Default: all.
        #[schemars(length(min = 1))]
        days: Option<Vec<Day>>,
        /// Start of the window, such as `08:00`. If it is later than `to`, the window spans midnight and belongs to the
        /// day on which it begins.
        #[schemars(regex(pattern = bounds::TIME_OF_DAY))]
        from: String,
        /// End of the window, exclusive. `24:00` is the end of the day.
        #[schemars(regex(pattern = bounds::TIME_OF_DAY))]
        to: String,
        /// Offset from UTC, such as `+01:00`. Default: UTC.
        #[schemars(regex(pattern = "^[+-][0-9]{2}:[0-9]{2}$"))]
        utc_offset: Option<String>,
    }
}

choice! {
    /// A day of the week.
    #[derive(Clone, Copy, Debug)]
    enum Day {
        Mon = "mon",
        Tue = "tue",
        Wed = "wed",
        Thu = "thu",
        Fri = "fri",
        Sat = "sat",
        Sun = "sun",
    }
}
