//! Findings about the plugin configuration.

use super::*;

const TENANT: &str = "tenants: [11112222-bbbb-3333-cccc-4444dddd5555]";
const AUDIENCES: &str = "audiences: [\"api://models\"]";
const GROUP: &str = "{group: 22223333-cccc-4444-dddd-5555eeee6666}";
const TEAM: &str = "require: {group: 22223333-cccc-4444-dddd-5555eeee6666}, credential: hf-read}";
const AGENT_CLAIMS: (&str, &str) = (
    "{tenants: [11112222-bbbb-3333-cccc-4444dddd5555]}",
    "{tenants: [11112222-bbbb-3333-cccc-4444dddd5555], agent_claims: true}",
);
/// A rule with `mcp`.
const MCP: (&str, &str) = (
    "match: {issuers: [contoso]}",
    "match: {issuers: [contoso], paths: [/mcp], mcp: {tools: [hub_search]}}",
);
const NO_CREDENTIAL: (&str, &str) = ("credential: hf-read}", "credential: none}");

pub const CASES: &[Case] = &[
    Case {
        id: "configuration_invalid",
        name: Some("team"),
        base: ALONE,
        bad: &[("credential: hf-read}", "credential: hf-write}")],
        good: &[],
        line: "name: team",
    },
    Case {
        id: "env_is_secret",
        name: Some("hf-read"),
        base: ALONE,
        bad: &[("env: HF_READ", "env: hf_x")],
        good: &[("env: HF_READ", "env: HF_X")],
        line: "env: hf_x",
    },
    Case {
        id: "env_has_dollar",
        name: Some("hf-read"),
        base: ALONE,
        bad: &[("env: HF_READ", "env: $HF_READ")],
        good: &[],
        line: "env: $HF_READ",
    },
    Case {
        id: "env_has_dollar",
        name: Some("hf-read"),
        base: ALONE,
        bad: &[("env: HF_READ", "env: \"${HF_READ}\"")],
        good: &[],
        line: "HF_READ}",
    },
    Case {
        id: "secret_in_configuration",
        name: Some("hf-read"),
        base: ALONE,
        bad: &[("env: HF_READ", "value: x")],
        good: &[],
        line: "value: x",
    },
    Case {
        id: "secret_in_configuration",
        name: Some("hf-read"),
        base: ENVOY,
        bad: &[(
            "{host_env_keys: [HF_READ, VAULT_TOKEN]}",
            "{host_env_keys: [VAULT_TOKEN], key_values: {HF_READ: x}}",
        )],
        good: &[(
            "{host_env_keys: [HF_READ, VAULT_TOKEN]}",
            "{host_env_keys: [HF_READ, VAULT_TOKEN], key_values: {OTHER: x}}",
        )],
        line: "key_values",
    },
    Case {
        id: "secret_in_configuration",
        name: Some("hf-read"),
        base: ISTIO,
        bad: &[(
            "{name: HF_READ, valueFrom: HOST}",
            "{name: HF_READ, value: x}",
        )],
        good: &[],
        line: "vmConfig",
    },
    Case {
        id: "sample_value",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(TENANT, "tenants: [72f988bf-86f1-41af-91ab-2d7cd011db47]")],
        good: &[],
        line: "tenants: ",
    },
    Case {
        id: "sample_value",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(
            AUDIENCES,
            "audiences: [\"api://6e74172b-be56-4843-9ff4-e66a39bb12e3\"]",
        )],
        good: &[(AUDIENCES, "audiences: [\"api://hf\"]")],
        line: "6e74172b",
    },
    Case {
        id: "sample_value",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(TENANT, "tenants: [AAAABBBB-0000-cccc-1111-dddd2222eeee]")],
        good: &[],
        line: "tenants: ",
    },
    Case {
        id: "sample_value",
        name: Some("team"),
        base: ALONE,
        bad: &[(
            "{group: 22223333-cccc-4444-dddd-5555eeee6666}",
            "{not: {group: 11111111-1111-1111-1111-111111111111}}",
        )],
        good: &[],
        line: "name: team",
    },
    Case {
        id: "sample_value",
        name: None,
        base: KONG,
        bad: &[(
            "url: https://hf.example",
            "url: https://q8x1f0example.us-east-1.aws.endpoints.huggingface.cloud",
        )],
        good: &[],
        line: "q8x1f0example",
    },
    Case {
        id: "any_tenant",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(TENANT, "tenants: [\"*\"]")],
        good: &[],
        line: "tenants: ",
    },
    Case {
        id: "audience_final_slash",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(AUDIENCES, "audiences: [\"api://models/\"]")],
        // Other providers have audiences with a final slash.
        good: &[("audiences: [models]", "audiences: [\"https://models/\"]")],
        line: "api://models/",
    },
    Case {
        id: "audience_is_scope",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(AUDIENCES, "audiences: [\"api://models/.default\"]")],
        good: &[],
        line: ".default",
    },
    Case {
        id: "audience_is_scope",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(
            AUDIENCES,
            "audiences: [\"api://55556666-ffff-7777-aaaa-8888bbbb9999/query\"]",
        )],
        // `api://<tenant id>/<text>` is an application id URI.
        good: &[(
            AUDIENCES,
            "audiences: [\"api://11112222-bbbb-3333-cccc-4444dddd5555/query\"]",
        )],
        line: "/query",
    },
    Case {
        id: "audience_of_microsoft",
        name: Some("contoso"),
        base: ALONE,
        bad: &[(AUDIENCES, "audiences: [\"https://graph.microsoft.com/\"]")],
        good: &[(AUDIENCES, "audiences: [\"https://graph.contoso.com\"]")],
        line: "graph.microsoft.com",
    },
    Case {
        id: "group_not_guid",
        name: Some("team"),
        base: ALONE,
        bad: &[(
            "{group: 22223333-cccc-4444-dddd-5555eeee6666}",
            "{any: [{not: {group: Data Scientists}}]}",
        )],
        good: &[],
        line: "name: team",
    },
    Case {
        id: "actor_not_shown",
        name: Some("team"),
        base: ALONE,
        bad: &[(GROUP, "{all: [{role: x}, {not: {actor: agent}}]}")],
        good: &[
            (GROUP, "{all: [{role: x}, {not: {actor: agent}}]}"),
            AGENT_CLAIMS,
        ],
        line: "name: team",
    },
    Case {
        id: "actor_not_shown",
        name: Some("team"),
        base: ALONE,
        bad: &[(TEAM, "require: {actor: agent}, effect: deny}")],
        good: &[
            (TEAM, "require: {actor: agent}, effect: deny}"),
            AGENT_CLAIMS,
        ],
        line: "name: team",
    },
    Case {
        // The rule matches both issuers, and tokens of the second one have no facets.
        id: "actor_not_shown",
        name: Some("team"),
        base: ALONE,
        bad: &[
            AGENT_CLAIMS,
            ("match: {issuers: [contoso]}, ", ""),
            (GROUP, "{not: {actor: agent}}"),
        ],
        good: &[
            AGENT_CLAIMS,
            ("match: {issuers: [contoso]}, ", ""),
            (GROUP, "{all: [{issuer: contoso}, {not: {actor: agent}}]}"),
        ],
        line: "name: team",
    },
    Case {
        id: "agent_may_be_user",
        name: Some("team"),
        base: ALONE,
        bad: &[(GROUP, "{any: [{kind: user}]}")],
        good: &[(GROUP, "{not: {kind: user}}")],
        line: "name: team",
    },
    Case {
        id: "agent_may_be_user",
        name: Some("team"),
        base: ALONE,
        bad: &[(GROUP, "{kind: user}")],
        good: &[(GROUP, "{kind: user}"), AGENT_CLAIMS],
        line: "name: team",
    },
    Case {
        id: "deny_app_without_agent",
        name: Some("team"),
        base: ALONE,
        bad: &[(TEAM, "require: {any: [{kind: app}]}, effect: deny}")],
        good: &[(
            TEAM,
            "require: {any: [{kind: app}, {kind: agent}]}, effect: deny}",
        )],
        line: "name: team",
    },
    Case {
        id: "deny_app_without_agent",
        name: Some("team"),
        base: ALONE,
        bad: &[(TEAM, "require: {kind: app}, effect: deny}")],
        good: &[(TEAM, "require: {kind: app}, credential: hf-read}")],
        line: "name: team",
    },
    Case {
        id: "mcp_without_start",
        name: Some("team"),
        base: ALONE,
        bad: &[(
            "match: {issuers: [contoso]}",
            "match: {issuers: [contoso], paths: [/mcp], mcp: {tools: [\"hub_*\"]}}",
        )],
        good: &[
            (
                "match: {issuers: [contoso]}",
                "match: {issuers: [contoso], paths: [/mcp], mcp: {tools: [\"hub_*\"]}}",
            ),
            (
                "match: {issuers: [keycloak]}",
                "match: {issuers: [contoso, keycloak], paths: [\"/mcp*\"], mcp: {methods: [initialize]}}",
            ),
        ],
        line: "name: team",
    },
    Case {
        id: "mcp_without_start",
        name: Some("team"),
        base: ALONE,
        bad: &[
            (
                "match: {issuers: [contoso]}",
                "match: {paths: [/mcp], mcp: {methods: [\"tools/*\"]}}",
            ),
            (
                "match: {issuers: [keycloak]}",
                "match: {paths: [/other], mcp: {methods: [\"**\"]}}",
            ),
        ],
        good: &[
            (
                "match: {issuers: [contoso]}",
                "match: {paths: [/mcp], mcp: {methods: [\"tools/*\"]}}",
            ),
            (
                "match: {issuers: [keycloak]}",
                "match: {paths: [/mcp], mcp: {methods: [server/discover]}}",
            ),
        ],
        line: "name: team",
    },
    Case {
        id: "mcp_without_post",
        name: Some("team"),
        base: ALONE,
        bad: &[(
            "match: {issuers: [contoso]}",
            "match: {methods: [GET], paths: [/mcp], mcp: {methods: [\"**\"]}}",
        )],
        good: &[(
            "match: {issuers: [contoso]}",
            "match: {methods: [GET, POST], paths: [/mcp], mcp: {methods: [\"**\"]}}",
        )],
        line: "name: team",
    },
    Case {
        id: "no_rules",
        name: None,
        base: "issuers:\n- {name: a, oidc: {issuer: \"https://a\"}, audiences: [a], jwks: {cluster: a, uri: \"https://a\"}}\nrules: []\n",
        bad: &[],
        good: &[(
            "rules: []",
            "rules: [{name: a, match: {paths: [/a]}, anonymous: true}]",
        )],
        line: "rules: []",
    },
    Case {
        id: "rule_without_effect",
        name: Some("others"),
        base: ALONE,
        bad: &[(
            "issuers: [keycloak]}, require: {group: Data Scientists}",
            "issuers: [keycloak]}, require: {issuer: contoso}",
        )],
        good: &[(
            "issuers: [keycloak]}, require: {group: Data Scientists}",
            "issuers: [keycloak]}, require: {issuer: keycloak}",
        )],
        line: "name: others",
    },
    Case {
        id: "variable_missing_here",
        name: Some("hf-read"),
        base: ALONE,
        bad: &[("env: HF_READ", "env: HF_ELSEWHERE")],
        good: &[],
        line: "HF_ELSEWHERE",
    },
    Case {
        id: "body_may_not_be_available",
        name: Some("team"),
        base: ALONE,
        bad: &[(
            "match: {issuers: [contoso]}",
            "match: {issuers: [contoso], models: [\"org/*\"]}",
        )],
        good: &[],
        line: "name: team",
    },
    Case {
        id: "mcp_sessions_without_secret",
        name: Some("team"),
        base: ALONE,
        bad: &[
            MCP,
            ("- {name: hf-read, env: HF_READ}", ""),
            ("credentials:", ""),
            NO_CREDENTIAL,
            NO_CREDENTIAL,
        ],
        good: &[MCP],
        line: "name: team",
    },
];
