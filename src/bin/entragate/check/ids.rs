//! All findings that `entragate check` can report. docs/check.md contains this table.

use super::finding::Level::{self, Error, Note, Warning};

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable: scripts may depend on it.
    pub id: &'static str,
    pub level: Level,
    pub meaning: &'static str,
    pub cure: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $level:ident, $meaning:literal, $cure:literal;)*) => {
        $(pub static $name: Kind = Kind {
            id: ids!($name),
            level: $level,
            meaning: $meaning,
            cure: $cure,
        };)*
        /// Every kind of finding, in the order of the documentation.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
}

/// An identifier in lower case.
macro_rules! ids {
    ($name:ident) => {{
        const UPPER: &str = stringify!($name);
        const LOWER: [u8; UPPER.len()] = lower_case(UPPER.as_bytes());
        match std::str::from_utf8(&LOWER) {
            Ok(text) => text,
            Err(_) => "",
        }
    }};
}

const fn lower_case<const N: usize>(upper: &[u8]) -> [u8; N] {
    let mut lower = [0; N];
    let mut index = 0;
    while index < N {
        lower[index] = upper[index].to_ascii_lowercase();
        index += 1;
    }
    lower
}

kinds! {
    FILE_UNUSABLE = Error, "A file cannot be read, or is neither JSON nor YAML.", "Correct the file.";
    FILTER_NOT_FOUND = Error, "The files configure no entragate filter.", "Name the plugin or its `root_id` `entragate`, or check the plugin configuration alone.";
    CONFIGURATION_INVALID = Error, "The filter does not start with this configuration.", "Correct the value at the path in the message.";

    ENV_IS_SECRET = Error, "`env` holds a secret instead of the name of an environment variable.", "Revoke the secret, put its successor into an environment variable, and write the variable's name.";
    ENV_HAS_DOLLAR = Error, "`env` has a variable in shell syntax, `$NAME` or `${NAME}`; the filter looks for a variable whose name includes these characters.", "Write the name only.";
    SECRET_IN_CONFIGURATION = Warning, "A credential, or the value of a variable that the filter reads, is part of the configuration, which hosts show in dumps and admin interfaces.", "Use `env`, and take its value from the proxy's own environment.";
    SAMPLE_VALUE = Warning, "A tenant, an audience, a group or the endpoint is still the value of the sample.", "Write your own value.";
    ANY_TENANT = Warning, "Every tenant of Entra ID is accepted.", "List the tenants, or let rules require more than a tenant can grant itself.";
    AUDIENCE_FINAL_SLASH = Warning, "An audience ends in a slash; audiences in Entra's tokens do not.", "Remove the slash.";
    AUDIENCE_IS_SCOPE = Warning, "An audience is a scope, `…/.default` or `api://<client id>/<scope>`, which no token has as its audience.", "Remove the scope's name.";
    AUDIENCE_OF_MICROSOFT = Warning, "An audience is that of a Microsoft API. Tokens for this API are not meant for this gateway, and every application of the tenant can get them.", "Write your own API's client id.";
    GROUP_NOT_GUID = Warning, "A rule requires a group by its name; Entra's tokens contain object ids.", "Write the group's object id, a GUID.";
    NO_RULES = Warning, "There are no rules, so every request is denied.", "Add rules.";
    RULE_WITHOUT_EFFECT = Warning, "A rule never decides, because another rule decides first, or because its requirement cannot be satisfied.", "Remove, narrow or reorder the rules.";

    ACTOR_NOT_SHOWN = Warning, "The result of a rule with `actor` is indeterminate for callers whose tokens do not show whether an agent acts: a deny rule denies them, and `not` does not permit them.", "Request the optional claims `xms_act_fct` and `xms_sub_fct`, and set `entra.agent_claims: true`; limit the rule to issuers that have them.";
    AGENT_MAY_BE_USER = Note, "A rule requires `kind: user`, and an agent's own user account counts as a user if its token has no facets.", "Request the optional claims `xms_act_fct` and `xms_sub_fct`, and set `entra.agent_claims: true`.";

    MCP_SESSIONS_WITHOUT_SECRET = Warning, "A rule has `mcp`, and the configuration has no secret: anyone who learns the id of an MCP session at its server can use it.", "Name a credential with `env`.";
    DENY_APP_WITHOUT_AGENT = Warning, "A deny rule requires `kind: app` and does not name agents, which are of `kind: agent`.", "Add `kind: agent` to the rule, as in `any: [{kind: app}, {kind: agent}]`; if agents may do more than applications, write `all: [{kind: app}, {not: {kind: agent}}]`.";
    MCP_WITHOUT_START = Warning, "A rule permits calls of tools, but no rule permits `initialize` or `server/discover` on the same path, so a client cannot start.", "Permit `initialize`, `notifications/*`, `ping` and `tools/list` (newer clients: `server/discover`) to the same callers.";
    MCP_WITHOUT_POST = Warning, "A rule with `match.mcp` matches no POST, and messages for MCP servers are sent with POST only.", "Add POST to `methods`, or remove `methods`.";

    VARIABLE_MISSING_HERE = Note, "The environment of this machine does not have a variable that the configuration reads.", "Set it where the proxy runs; `--env` makes this an error.";
    VARIABLE_NOT_PASSED = Warning, "The host does not pass a variable to the filter, which does not start without it.", "Add it to `host_env_keys` (Istio: `vmConfig.env`; Envoy Gateway: `env.hostKeys`).";
    VARIABLE_NOT_IN_CONTAINER = Warning, "The container of the proxy does not have a variable that the filter reads.", "Add it to the container's `env`, from a Secret.";
    FAIL_OPEN = Warning, "After a crash of the filter, requests pass without a decision.", "Set `failure_policy: FAIL_RELOAD` (Istio: `failStrategy`; Envoy Gateway: `failOpen: false`).";
    FAILURE_POLICY_NOT_SET = Warning, "After a crash of the filter, a worker denies all requests until Envoy restarts.", "Set `failure_policy: FAIL_RELOAD` (Envoy 1.33 and later).";
    VM_ID_EMPTY = Warning, "Without a `vm_id`, each worker fetches keys and the revocation feed separately.", "Set a `vm_id` that no other plugin has.";
    FILTER_DISABLED = Error, "A route disables the filter: requests reach its upstream without a decision and with the caller's own token.", "Remove the override; let an `anonymous` rule permit what needs no token.";
    FILTER_CONFIG_PER_ROUTE = Error, "A route has its own configuration of the filter, which the filter does not support.", "Remove the override; use `match` in the rules.";

    CLUSTER_WITHOUT_TLS = Error, "Keys, a secret or the credential travel to a cluster without TLS.", "Add a TLS transport socket with a CA and a SAN match (Istio: a DestinationRule; Kong: `https`).";
    CLUSTER_WITHOUT_CA = Error, "A cluster accepts any certificate, so anyone on the network can impersonate its server.", "Add `validation_context.trusted_ca` (Kong: `tls_verify: true`).";
    CLUSTER_WITHOUT_SAN = Error, "A cluster accepts any host's certificate that a trusted CA has issued.", "Add `match_typed_subject_alt_names`, or `auto_sni` with `auto_san_validation`.";
    FEED_NOT_VERIFIED = Warning, "The revocation feed or the audit export uses a cluster that is not verified.", "Add a TLS transport socket with a CA and a SAN match.";
    ISTIO_TLS_BY_VERSION = Warning, "A DestinationRule lacks `caCertificates` or `subjectAltNames`; older versions of Istio do not verify the certificate without them (`caCertificates`: before 1.21).", "Add both.";
    URI_WITHOUT_TLS = Error, "Keys or a secret are fetched from an `http://` URI.", "Write `https://`, and give the cluster TLS.";
    FEED_URI_WITHOUT_TLS = Warning, "The revocation feed or the audit export has an `http://` URI.", "Write `https://`, and give the cluster TLS.";
    CLUSTER_MISSING = Warning, "No cluster has the name that the configuration gives.", "Add the cluster, or correct the name.";
    CLUSTER_NOT_VISIBLE = Note, "The TLS settings of a cluster are not in these files.", "Include the file that has them in the same call.";

    ROUTE_MATCHES_FILTER_HEADER = Error, "A route is chosen by a header that the filter sets or removes; Envoy chooses the route again after that.", "Match on something else.";
    PATH_NOT_NORMALIZED = Warning, "Envoy does not normalize paths, so its routes and the upstream may see a different path than the rules.", "Set `normalize_path: true`.";
    HOST_NOT_NORMALIZED = Warning, "Rules or `endpoints` depend on the host, but Envoy routes by the host as the caller spells it.", "Set `strip_any_host_port: true` and `strip_trailing_host_dot: true`.";
    WEBSOCKET_WITH_MODELS = Warning, "WebSocket upgrades are enabled together with a rule on models; the filter does not see the model within a WebSocket.", "Disable the upgrade on these routes.";
    BODY_NOT_AVAILABLE = Warning, "A rule names models or `mcp`, but the host does not pass bodies to the filter before the decision.", "Set `allow_on_headers_stop_iteration: true`, or let `endpoints` name the model.";
    BODY_MAY_NOT_BE_AVAILABLE = Note, "A rule names models or `mcp`, which needs a setting of the host.", "Set `allow_on_headers_stop_iteration: true` on Envoy.";
    BUFFER_TOO_SMALL = Warning, "The listener's buffer limit is not above `limits.body_inspected`.", "Raise `per_connection_buffer_limit_bytes`.";
    SOURCE_NOT_TRUSTED = Warning, "A rule requires `source`, but callers can write their own address.", "Set `use_remote_address: true`, or `client_address.trusted_hops`.";
    PEER_NOT_VERIFIED = Warning, "A rule requires `peer`, but client certificates are not verified.", "Terminate TLS in this filter chain, with a `validation_context`.";

    FILTER_STATE_NOT_SET = Warning, "An access log or a tracer reads filter state that the filter does not set.", "Correct the name (`wasm.entragate.oid`), add it to `audit.filter_state`, and do not disable `usage` for token counts.";

    RATE_LIMIT_STATE_NOT_SET = Warning, "A rate limit reads filter state that the filter does not set, so Envoy skips it.", "Correct the name (`wasm.entragate.oid`), add it to `audit.filter_state`, and do not disable `usage` for token counts.";
    RATE_LIMIT_CEL_STRING = Warning, "A rate limit converts filter state with CEL's `string()`, which fails, so Envoy skips it.", "Remove `string()`.";
    RATE_LIMIT_BEFORE_TOKENS = Warning, "A rate limit charges tokens when the request arrives, before they are known.", "Set `apply_on_stream_done: true` next to `hits_addend`.";
    RATE_LIMIT_BEFORE_FILTER = Warning, "A rate limit filter that reads the filter's state runs before the filter.", "Place it after entragate and before the router.";
    RATE_LIMIT_MODEL_UNKNOWN = Warning, "A rate limit reads the model, but no rule and no endpoint names one, so the body is not read for it.", "Add `models: [\"**\"]` to the rules' `match`.";
    RATE_LIMIT_COMPRESSED = Warning, "A rate limit charges tokens, and the tokens of a compressed response are unknown. Callers choose whether they accept compressed responses.", "Set `accept-encoding: identity` in the routes, with `request_headers_to_add`.";
    RATE_LIMIT_UNKNOWN_TOKENS = Note, "A rate limit charges tokens, and responses that report no usage are charged nothing.", "Set `usage: {unknown_tokens: N}`.";

    TOKEN_IN_LOG = Error, "An access log, a trace or a header contains the credential or a caller's token.", "Remove the reference to the header.";
    ADMIN_EXPOSED = Warning, "The admin interface listens on an address that other machines can reach.", "Bind it to 127.0.0.1.";
    ADMIN_SHOWS_SECRET = Error, "The admin interface listens on an address that other machines can reach, and its dumps contain a secret.", "Bind it to 127.0.0.1, and read the secret from the environment.";
    RECORDS_NOT_VISIBLE = Warning, "Audit records are logged at info, which the proxy does not log.", "Set `audit.level: warn`, or raise the level of the wasm logger.";
    RECORDS_MAY_NOT_BE_VISIBLE = Note, "Kong does not log audit records at its default level.", "Set `log_level = info` in kong.conf, or `audit.level: warn`.";
    PERMITTED_NOT_RECORDED = Warning, "`audit.log` omits permitted requests, and there is no access log that records them.", "Set `audit.log: all`, or add an access log that shows `oid` and has no `filter`.";
    KONG_TLS_NOT_VISIBLE = Note, "Settings in kong.conf determine whether Kong verifies the servers that the filter calls.", "Set `nginx_wasm_tls_verify_cert`, `nginx_wasm_tls_verify_host` and `nginx_wasm_tls_trusted_certificate`.";
}

/// The table as Markdown.
pub fn table() -> String {
    let mut text =
        String::from("| id | level | meaning | what to do |\n| --- | --- | --- | --- |\n");
    for kind in ALL {
        let Kind {
            id, meaning, cure, ..
        } = kind;
        let level = kind.level.name();
        text.push_str(&format!("| `{id}` | {level} | {meaning} | {cure} |\n"));
    }
    text
}
