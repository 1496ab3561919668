//! Findings about the connection manager, the listener and its TLS.

use super::*;

const RULE: &str =
    "match: {paths: [\"/v1/**\"], models: [\"org/*\"]}, require: {role: Model.Query}";
const SOURCE: &str = "match: {paths: [\"/v1/**\"]}, require: {source: [10.0.0.0/8]}";
const PEER: &str = "match: {paths: [\"/v1/**\"]}, require: {peer: \"spiffe://contoso/**\"}";
const HOSTS: &str = "match: {hosts: [models.contoso.com]}, require: {role: Model.Query}";
const CHAIN: &str = "    - filters:\n";
const UPGRADES: &str = "upgrade_configs: []";
const ROUTE: &str = "route: {cluster: huggingface}";
const FLAG: &str = "allow_on_headers_stop_iteration: true";

pub const CASES: &[Case] = &[
    Case {
        id: "path_not_normalized",
        name: Some("gateway"),
        base: ENVOY,
        bad: &[("normalize_path: true", "normalize_path: false")],
        good: &[],
        line: "normalize_path",
    },
    Case {
        id: "path_not_normalized",
        name: Some("gateway"),
        base: ENVOY,
        bad: &[("          normalize_path: true\n", "")],
        good: &[],
        line: "typed_config:",
    },
    Case {
        id: "path_not_normalized",
        name: None,
        base: ISTIO,
        bad: &[(
            "apiVersion: apps/v1",
            "kind: EnvoyFilter\nspec: {value: {\"@type\": x/envoy.v3.HttpConnectionManager, normalize_path: false}}\n---\napiVersion: apps/v1",
        )],
        good: &[(
            "apiVersion: apps/v1",
            "kind: EnvoyFilter\nspec: {value: {\"@type\": x/envoy.v3.HttpConnectionManager, merge_slashes: true}}\n---\napiVersion: apps/v1",
        )],
        line: "normalize_path",
    },
    Case {
        id: "path_not_normalized",
        name: Some("MeshConfig"),
        base: ISTIO,
        bad: &[(
            "apiVersion: apps/v1",
            "kind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    pathNormalization:\n      normalization: NONE\n---\napiVersion: apps/v1",
        )],
        good: &[(
            "apiVersion: apps/v1",
            "kind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    pathNormalization:\n      normalization: MERGE_SLASHES\n---\napiVersion: apps/v1",
        )],
        line: "normalization: NONE",
    },
    Case {
        id: "host_not_normalized",
        name: Some("team"),
        base: ENVOY,
        bad: &[
            (RULE, HOSTS),
            ("strip_any_host_port: true", "strip_any_host_port: false"),
        ],
        good: &[("strip_any_host_port: true", "strip_any_host_port: false")],
        line: "strip_any_host_port",
    },
    Case {
        id: "host_not_normalized",
        name: Some("gateway"),
        base: ENVOY,
        bad: &[
            (
                "revocation:",
                "endpoints: [{hosts: [a.contoso.com], model: org/a}]\n                    revocation:",
            ),
            ("          strip_trailing_host_dot: true\n", ""),
        ],
        good: &[(
            "revocation:",
            "endpoints: [{hosts: [a.contoso.com], model: org/a}]\n                    revocation:",
        )],
        line: "typed_config:",
    },
    Case {
        id: "websocket_with_models",
        name: Some("team"),
        base: ENVOY,
        bad: &[(UPGRADES, "upgrade_configs: [{upgrade_type: WebSocket}]")],
        good: &[
            (UPGRADES, "upgrade_configs: [{upgrade_type: WebSocket}]"),
            (
                ROUTE,
                "route: {cluster: huggingface, upgrade_configs: [{upgrade_type: websocket, enabled: false}]}",
            ),
        ],
        line: "upgrade_configs",
    },
    Case {
        id: "websocket_with_models",
        name: Some("team"),
        base: ENVOY,
        bad: &[(
            ROUTE,
            "route: {cluster: huggingface, upgrade_configs: [{upgrade_type: websocket}]}",
        )],
        good: &[
            (
                RULE,
                "match: {paths: [\"/v1/**\"]}, require: {role: Model.Query}",
            ),
            (
                ROUTE,
                "route: {cluster: huggingface, upgrade_configs: [{upgrade_type: websocket}]}",
            ),
        ],
        line: "upgrade_type",
    },
    Case {
        id: "body_not_available",
        name: Some("team"),
        base: ENVOY,
        bad: &[(FLAG, "allow_on_headers_stop_iteration: false")],
        good: &[],
        line: "name: team",
    },
    Case {
        id: "body_not_available",
        name: Some("team"),
        base: ISTIO,
        bad: &[("paths: [\"/v1/**\"]", "models: [\"org/*\"]")],
        good: &[
            ("paths: [\"/v1/**\"]", "models: [\"org/*\"]"),
            (
                "apiVersion: apps/v1",
                "kind: EnvoyFilter\nspec: {value: {allow_on_headers_stop_iteration: true}}\n---\napiVersion: apps/v1",
            ),
        ],
        line: "name: team",
    },
    Case {
        id: "body_not_available",
        name: Some("team"),
        base: ISTIO,
        bad: &[(
            "paths: [\"/v1/**\"]",
            "paths: [/mcp], mcp: {methods: [\"**\"]}",
        )],
        good: &[("paths: [\"/v1/**\"]", "paths: [/mcp]")],
        line: "name: team",
    },
    Case {
        id: "buffer_too_small",
        name: Some("team"),
        base: ENVOY,
        bad: &[(
            "per_connection_buffer_limit_bytes: 2097152",
            "per_connection_buffer_limit_bytes: 65536",
        )],
        good: &[
            (
                "per_connection_buffer_limit_bytes: 2097152",
                "per_connection_buffer_limit_bytes: 65536",
            ),
            (
                "revocation:",
                "limits: {body_inspected: 32768}\n                    revocation:",
            ),
        ],
        line: "per_connection_buffer_limit_bytes",
    },
    Case {
        id: "source_not_trusted",
        name: Some("gateway"),
        base: ENVOY,
        bad: &[
            (RULE, SOURCE),
            ("use_remote_address: true", "use_remote_address: false"),
        ],
        good: &[
            (RULE, SOURCE),
            ("use_remote_address: true", "use_remote_address: false"),
            (
                "revocation:",
                "client_address: {trusted_hops: 1}\n                    revocation:",
            ),
        ],
        line: "use_remote_address",
    },
    Case {
        id: "peer_not_verified",
        name: None,
        base: ENVOY,
        bad: &[(RULE, PEER)],
        good: &[],
        line: "- filters:",
    },
    Case {
        id: "peer_not_verified",
        name: None,
        base: ENVOY,
        bad: &[
            (RULE, PEER),
            (
                CHAIN,
                "    - transport_socket: {typed_config: {common_tls_context: {tls_certificates: []}}}\n      filters:\n",
            ),
        ],
        good: &[
            (RULE, PEER),
            (
                CHAIN,
                "    - transport_socket: {typed_config: {common_tls_context: {validation_context: {trusted_ca: {filename: ca.pem}}}}}\n      filters:\n",
            ),
        ],
        line: "tls_certificates",
    },
    Case {
        id: "peer_not_verified",
        name: None,
        base: ENVOY,
        bad: &[
            (RULE, PEER),
            (
                CHAIN,
                "    - transport_socket: {typed_config: {common_tls_context: {validation_context: {trusted_ca: {filename: ca.pem}, trust_chain_verification: ACCEPT_UNTRUSTED}}}}\n      filters:\n",
            ),
        ],
        good: &[],
        line: "ACCEPT_UNTRUSTED",
    },
];
