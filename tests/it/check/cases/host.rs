//! Findings about the plugin's settings in the host, its logs and its admin interface.

use super::*;

const ADMIN: &str = "address: 127.0.0.1, port_value: 9901";
const LOG: &str = "request: {id: \"%REQ(X-REQUEST-ID)%\"}";
const VARIABLES: &str = "{host_env_keys: [HF_READ, VAULT_TOKEN]}";

/// A Deployment next to the bootstrap.
macro_rules! with_arguments {
    ($arguments:literal) => {
        concat!(
            "kind: Deployment\nspec: {template: {spec: {containers: [{name: envoy, args: ",
            $arguments,
            "}]}}}\n---\nadmin:\n"
        )
    };
}

pub const CASES: &[Case] = &[
    Case {
        id: "variable_not_passed",
        name: Some("hf-vault"),
        base: ENVOY,
        bad: &[(VARIABLES, "{host_env_keys: [HF_READ]}")],
        good: &[(
            VARIABLES,
            "{host_env_keys: [HF_READ], key_values: {VAULT_TOKEN: x}}",
        )],
        line: "{env: VAULT_TOKEN}",
    },
    Case {
        id: "variable_not_passed",
        name: Some("hf-read"),
        base: ISTIO,
        bad: &[(
            "vmConfig: {env: [{name: HF_READ, valueFrom: HOST}]}",
            "phase: AUTHN",
        )],
        good: &[],
        line: "env: HF_READ",
    },
    Case {
        id: "variable_not_passed",
        name: Some("hf-read"),
        base: GATEWAY,
        bad: &[("hostKeys: [HF_READ]", "hostKeys: [OTHER]")],
        good: &[],
        line: "env: HF_READ",
    },
    Case {
        id: "fail_open",
        name: Some("entragate"),
        base: ENVOY,
        bad: &[("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN")],
        good: &[("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_CLOSED")],
        line: "failure_policy",
    },
    Case {
        id: "fail_open",
        name: Some("entragate"),
        base: ISTIO,
        bad: &[("failStrategy: FAIL_RELOAD", "failStrategy: FAIL_OPEN")],
        good: &[],
        line: "failStrategy",
    },
    Case {
        id: "fail_open",
        name: Some("entragate"),
        base: GATEWAY,
        bad: &[("failOpen: false", "failOpen: true")],
        good: &[],
        line: "failOpen",
    },
    Case {
        id: "failure_policy_not_set",
        name: Some("entragate"),
        base: ENVOY,
        bad: &[("failure_policy: FAIL_RELOAD", "root_id: entragate")],
        good: &[],
        line: "              config:",
    },
    Case {
        id: "vm_id_empty",
        name: Some("entragate"),
        base: ENVOY,
        bad: &[("vm_id: entragate", "vm_id: \"\"")],
        good: &[],
        line: "vm_id",
    },
    Case {
        id: "token_in_log",
        name: Some("id"),
        base: ENVOY,
        bad: &[(LOG, "request: {id: \"%REQ(authorization):10%\"}")],
        good: &[],
        line: "authorization",
    },
    Case {
        id: "token_in_log",
        name: Some("inline_string"),
        base: ENVOY,
        bad: &[
            ("json_format:", "text_format_source:"),
            (
                LOG,
                "inline_string: \"%START_TIME% %REQ(X-Other?AUTHORIZATION)%\"",
            ),
        ],
        good: &[
            ("json_format:", "text_format_source:"),
            (LOG, "inline_string: \"%START_TIME% %REQ(X-Other)%\""),
        ],
        line: "AUTHORIZATION",
    },
    Case {
        id: "token_in_log",
        name: Some("typed_json_format"),
        base: ENVOY,
        bad: &[(
            "json_format:",
            "typed_json_format: \"%CEL(request.headers['authorization'])%\"\n                other:",
        )],
        good: &[],
        line: "CEL",
    },
    Case {
        id: "token_in_log",
        name: Some("custom_tags[0]"),
        base: ENVOY,
        bad: &[(
            "upgrade_configs: []",
            "tracing: {custom_tags: [{tag: t, request_header: {name: Authorization}}]}",
        )],
        good: &[(
            "upgrade_configs: []",
            "tracing: {custom_tags: [{tag: t, request_header: {name: x-id}}]}",
        )],
        line: "custom_tags",
    },
    Case {
        id: "token_in_log",
        name: Some("value"),
        base: ENVOY,
        bad: &[
            (
                "route: {cluster: huggingface}",
                "route: {cluster: huggingface}\n                response_headers_to_add: [{header: {key: x, value: \"%REQ(X-Token)%\"}}]",
            ),
            (
                "revocation:",
                "token: {headers: [{name: x-token}]}\n                    revocation:",
            ),
        ],
        good: &[(
            "route: {cluster: huggingface}",
            "route: {cluster: huggingface}\n                response_headers_to_add: [{header: {key: x, value: \"%REQ(X-Token)%\"}}]",
        )],
        line: "X-Token",
    },
    Case {
        id: "token_in_log",
        name: Some("text"),
        base: ISTIO,
        bad: &[(
            "name: ingress}",
            "name: ingress, labels: {text: \"%REQ(Authorization)%\"}}",
        )],
        good: &[],
        line: "Authorization",
    },
    Case {
        id: "admin_exposed",
        name: Some("admin"),
        base: ENVOY,
        bad: &[(ADMIN, "address: 0.0.0.0, port_value: 9901")],
        good: &[(ADMIN, "address: \"::1\", port_value: 9901")],
        line: "port_value: 9901",
    },
    Case {
        id: "admin_shows_secret",
        name: Some("admin"),
        base: ENVOY,
        bad: &[
            (ADMIN, "address: 0.0.0.0, port_value: 9901"),
            ("env: HF_READ", "value: x"),
        ],
        good: &[("env: HF_READ", "value: x")],
        line: "port_value: 9901",
    },
    Case {
        id: "records_not_visible",
        name: Some("entragate"),
        base: ENVOY,
        bad: &[(
            "admin:\n",
            with_arguments!("[sh, -c, \"exec envoy -l warning\"]"),
        )],
        good: &[(
            "admin:\n",
            with_arguments!("[\"--log-level=warning\", --component-log-level, \"wasm:info\"]"),
        )],
        line: "args",
    },
    Case {
        id: "records_not_visible",
        name: Some("entragate"),
        base: ISTIO,
        bad: &[("wasm:info", "wasm:warning")],
        good: &[
            ("wasm:info", "wasm:warning"),
            (
                "credentials:",
                "audit: {export: {cluster: \"outbound|443||hf.example\", uri: \"https://hf.example\"}}\n    credentials:",
            ),
        ],
        line: "pluginConfig",
    },
    Case {
        id: "records_not_visible",
        name: Some("entragate"),
        base: ISTIO,
        bad: &[(
            "kind: Deployment\nmetadata: {name: ingress}\nspec: {template: {metadata: {annotations: {sidecar.istio.io/componentLogLevel: \"wasm:info\"}}}}",
            "kind: IstioOperator\nspec: {values: {global: {proxy: {logLevel: warning}}}}",
        )],
        good: &[(
            "kind: Deployment\nmetadata: {name: ingress}\nspec: {template: {metadata: {annotations: {sidecar.istio.io/componentLogLevel: \"wasm:info\"}}}}",
            "kind: IstioOperator\nspec: {values: {global: {proxy: {logLevel: info}}}}",
        )],
        line: "pluginConfig",
    },
    Case {
        id: "records_not_visible",
        name: Some("entragate"),
        base: GATEWAY,
        bad: &[("{level: {default: info}}", "{level: {default: warn}}")],
        good: &[
            ("{level: {default: info}}", "{level: {default: warn}}"),
            ("credentials:", "audit: {log: \"off\"}\n      credentials:"),
        ],
        line: "    config:",
    },
    Case {
        id: "records_not_visible",
        name: Some("entragate"),
        base: ISTIO,
        bad: &[("wasm:info", "http:info")],
        good: &[
            ("wasm:info", "http:info"),
            ("credentials:", "audit: {level: warn}\n    credentials:"),
        ],
        line: "pluginConfig",
    },
    Case {
        id: "records_may_not_be_visible",
        name: Some("entragate"),
        base: KONG,
        bad: &[],
        good: &[(
            "credentials:",
            "audit: {log: \"off\"}\n        credentials:",
        )],
        line: "config:",
    },
    Case {
        id: "kong_tls_not_visible",
        name: Some("entragate"),
        base: KONG,
        bad: &[],
        good: &[(
            "jwks: {cluster: \"login.microsoftonline.com:443\"}",
            "jwks: {inline: {keys: []}}",
        )],
        line: "- name: entragate",
    },
];
