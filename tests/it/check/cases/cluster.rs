//! Findings about connections: TLS, certificate authorities, names.

use super::*;

const HF_OPTIONS: &str = "{auto_sni: true, auto_san_validation: true}";
const HF_CONTEXT: &str = "validation_context: {trusted_ca: {filename: hf.pem}}";
const SAN: &str =
    "match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: login.microsoftonline.com}}]";
const ENTRA_TLS: &str = "- name: entra\n    transport_socket: &tls\n";
pub const VAULT_TLS: &str = "- name: vault\n    transport_socket: *tls";
const FEED_TLS: &str = "- name: feed\n    transport_socket: *tls";
const ENTRA_RULE: &str =
    "{mode: SIMPLE, caCertificates: system, subjectAltNames: [login.microsoftonline.com]}";
const HF_RULE: &str = "{mode: SIMPLE, caCertificates: ca.pem, subjectAltNames: [hf.example]}";
const BACKEND_TLS: &str = "tls: {wellKnownCACertificates: System, sni: hf.example}";
pub const LOCAL_VAULT: &str = "- name: vault\n    load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8200}}}}]}]}";

pub const CASES: &[Case] = &[
    Case {
        id: "cluster_without_tls",
        name: Some("huggingface"),
        base: ENVOY,
        bad: &[(
            "    transport_socket:\n      name: envoy",
            "    unknown:\n      name: envoy",
        )],
        good: &[],
        line: "- name: huggingface",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("entra"),
        base: ENVOY,
        bad: &[(ENTRA_TLS, "- name: entra\n    unknown: &tls\n")],
        good: &[],
        line: "  - name: entra",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("vault"),
        base: ENVOY,
        bad: &[(VAULT_TLS, "- name: vault")],
        good: &[(VAULT_TLS, LOCAL_VAULT)],
        line: "- name: vault",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("copy"),
        base: ENVOY,
        bad: &[
            (
                "route: {cluster: huggingface}",
                "route: {cluster: huggingface, request_mirror_policies: [{cluster: copy}]}",
            ),
            ("  - name: vault\n", "  - name: copy\n  - name: vault\n"),
        ],
        good: &[("  - name: vault\n", "  - name: copy\n  - name: vault\n")],
        line: "- name: copy",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("outbound|443||login.microsoftonline.com"),
        base: ISTIO,
        bad: &[(ENTRA_RULE, "{mode: DISABLE}")],
        good: &[(ENTRA_RULE, "{mode: ISTIO_MUTUAL}")],
        line: "mode: DISABLE",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("outbound|443||hf.example"),
        base: ISTIO,
        bad: &[("  host: hf.example", "  host: other.example")],
        good: &[("  host: hf.example", "  host: \"*.example\"")],
        line: "hosts: [hf.example]",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("outbound|443||hf.example"),
        base: ISTIO,
        bad: &[("  host: hf.example", "  host: other.example")],
        // Istio protects services in the mesh with mutual TLS.
        good: &[
            ("  host: hf.example", "  host: other.example"),
            (
                "hosts: [hf.example]",
                "location: MESH_INTERNAL, hosts: [hf.example]",
            ),
        ],
        line: "hosts: [hf.example]",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("hf"),
        base: GATEWAY,
        bad: &[(BACKEND_TLS, "appProtocols: []")],
        good: &[],
        line: "endpoints: [{fqdn",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("hf"),
        base: KONG,
        bad: &[("https://hf.example", "http://hf.example")],
        good: &[("https://hf.example", "http://localhost:8080")],
        line: "- name: hf",
    },
    Case {
        id: "cluster_without_ca",
        name: Some("huggingface"),
        base: ENVOY,
        bad: &[(HF_CONTEXT, "tls_params: {}")],
        good: &[(
            HF_CONTEXT,
            "combined_validation_context: {default_validation_context: {trusted_ca: {filename: hf.pem}}}",
        )],
        line: "- name: huggingface",
    },
    Case {
        id: "cluster_without_ca",
        name: Some("huggingface"),
        base: ENVOY,
        bad: &[(
            HF_CONTEXT,
            "validation_context: {trusted_ca: {filename: hf.pem}, trust_chain_verification: ACCEPT_UNTRUSTED}",
        )],
        good: &[(
            HF_CONTEXT,
            "validation_context: {trusted_ca: {filename: hf.pem}, trust_chain_verification: VERIFY_TRUST_CHAIN}",
        )],
        line: "- name: huggingface",
    },
    Case {
        id: "cluster_without_ca",
        name: Some("outbound|443||hf.example"),
        base: ISTIO,
        bad: &[(HF_RULE, "{mode: SIMPLE, insecureSkipVerify: true}")],
        good: &[],
        line: "insecureSkipVerify",
    },
    Case {
        id: "cluster_without_ca",
        name: Some("hf"),
        base: GATEWAY,
        bad: &[(
            BACKEND_TLS,
            "tls: {insecureSkipVerify: true, wellKnownCACertificates: System}",
        )],
        good: &[],
        line: "insecureSkipVerify",
    },
    Case {
        id: "cluster_without_ca",
        name: Some("hf"),
        base: KONG,
        bad: &[("tls_verify: true", "tls_verify: false")],
        good: &[],
        line: "- name: hf",
    },
    Case {
        id: "cluster_without_ca",
        name: Some("hf"),
        base: KONG,
        bad: &[("  tls_verify: true\n", "")],
        good: &[],
        line: "- name: hf",
    },
    // The authorities are in a static secret; another secret is not defined in these files.
    Case {
        id: "cluster_without_ca",
        name: Some("huggingface"),
        base: ENVOY,
        bad: &[
            (
                HF_CONTEXT,
                "validation_context_sds_secret_config: {name: authorities}",
            ),
            (
                "static_resources:\n",
                "static_resources:\n  secrets: [{name: authorities, validation_context: {trusted_ca: {filename: a.pem}, trust_chain_verification: ACCEPT_UNTRUSTED}}]\n",
            ),
        ],
        good: &[(
            HF_CONTEXT,
            "validation_context_sds_secret_config: {name: authorities}",
        )],
        line: "- name: huggingface",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("vault"),
        base: ENVOY,
        bad: &[(
            VAULT_TLS,
            "- name: vault\n    transport_socket: {typed_config: {\"@type\": x/envoy.v3.Tap, transport_socket: {name: raw_buffer}}}",
        )],
        good: &[(
            VAULT_TLS,
            "- name: vault\n    transport_socket: {typed_config: {\"@type\": x/envoy.v3.Tap, transport_socket: *tls}}",
        )],
        line: "- name: vault",
    },
    Case {
        id: "cluster_without_tls",
        name: Some("vault"),
        base: ENVOY,
        bad: &[(
            VAULT_TLS,
            "- name: vault\n    transport_socket_matches: [{name: a, transport_socket: *tls}, {name: b, transport_socket: {name: raw_buffer}}]",
        )],
        good: &[(
            VAULT_TLS,
            "- name: vault\n    transport_socket_matches: [{name: a, transport_socket: *tls}]",
        )],
        line: "- name: vault",
    },
    Case {
        id: "cluster_without_san",
        name: Some("huggingface"),
        base: ENVOY,
        bad: &[(HF_OPTIONS, "{auto_sni: true}")],
        good: &[
            (HF_OPTIONS, "{auto_sni: true}"),
            (
                HF_CONTEXT,
                "validation_context: {trusted_ca: {filename: hf.pem}, match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: x}}]}",
            ),
        ],
        line: "- name: huggingface",
    },
    Case {
        id: "cluster_without_san",
        name: Some("entra"),
        base: GATEWAY,
        bad: &[(SAN, "verify_certificate_hash: []")],
        good: &[(SAN, "verify_certificate_hash: [\"aa\"]")],
        line: "      value:",
    },
    Case {
        id: "feed_not_verified",
        name: Some("feed"),
        base: ENVOY,
        bad: &[(FEED_TLS, "- name: feed")],
        good: &[],
        line: "- name: feed",
    },
    Case {
        id: "istio_tls_by_version",
        name: Some("outbound|443||login.microsoftonline.com"),
        base: ISTIO,
        bad: &[(
            ENTRA_RULE,
            "{mode: SIMPLE, subjectAltNames: [login.microsoftonline.com]}",
        )],
        good: &[],
        line: "subjectAltNames: [login",
    },
    Case {
        id: "cluster_missing",
        name: Some("entar"),
        base: ENVOY,
        bad: &[("jwks: {cluster: entra}", "jwks: {cluster: entar}")],
        good: &[],
        line: "cluster: entar",
    },
    Case {
        id: "cluster_missing",
        name: Some("other"),
        base: ENVOY,
        bad: &[("route: {cluster: huggingface}", "route: {cluster: other}")],
        good: &[
            ("route: {cluster: huggingface}", "route: {cluster: other}"),
            (
                "static_resources:",
                "dynamic_resources: {cds_config: {}}\nstatic_resources:",
            ),
        ],
        line: "cluster: other",
    },
    Case {
        id: "cluster_missing",
        name: Some("outbound|443||kc.example"),
        base: ISTIO,
        bad: &[(
            "outbound|443||login.microsoftonline.com",
            "outbound|443||kc.example",
        )],
        good: &[(
            "outbound|443||login.microsoftonline.com",
            "outbound|80||kc.idp.svc.cluster.local",
        )],
        line: "outbound|443||kc.example",
    },
    Case {
        id: "cluster_missing",
        name: Some("hf-read"),
        base: ENVOY,
        bad: &[("env: HF_READ}", "env: HF_READ, clusters: [hugging-face]}")],
        good: &[(
            "env: HF_READ}",
            "env: HF_READ, clusters: [huggingface, \"hf-*\"]}",
        )],
        line: "hugging-face",
    },
    Case {
        id: "cluster_missing",
        name: Some("vault"),
        base: ENVOY,
        bad: &[(
            "match: {paths: [/info]}",
            "match: {paths: [/info], clusters: [hugging-face]}",
        )],
        good: &[(
            "match: {paths: [/info]}",
            "match: {paths: [/info], clusters: [huggingface]}",
        )],
        line: "hugging-face",
    },
    // A credential that names its clusters is not sent to any other cluster.
    Case {
        id: "cluster_without_tls",
        name: Some("plain"),
        base: ENVOY,
        bad: &[
            ("route: {cluster: huggingface}", "route: {cluster: plain}"),
            ("  - name: vault\n", "  - name: plain\n  - name: vault\n"),
        ],
        good: &[
            ("route: {cluster: huggingface}", "route: {cluster: plain}"),
            ("  - name: vault\n", "  - name: plain\n  - name: vault\n"),
            ("env: HF_READ}", "env: HF_READ, clusters: [\"hugging*\"]}"),
            (
                "- name: hf-vault\n",
                "- name: hf-vault\n                      clusters: [huggingface]\n",
            ),
        ],
        line: "- name: plain",
    },
    Case {
        id: "cluster_not_visible",
        name: Some("other"),
        base: GATEWAY,
        bad: &[("jwks: {cluster: entra}", "jwks: {cluster: other}")],
        good: &[],
        line: "cluster: other",
    },
];
