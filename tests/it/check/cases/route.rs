//! Findings about routes.

use super::*;
use entragate::forward::strip::NEVER_FORWARDED;

const ROUTE: &str = "route: {cluster: huggingface}";
const PREFIX: &str = "match: {prefix: /}";
const FILTER: &str = "- name: gate\n";

macro_rules! overridden {
    ($settings:literal) => {
        concat!(
            "route: {cluster: huggingface}\n                typed_per_filter_config: {gate: {\"@type\": type.googleapis.com/envoy.config.route.v3.",
            $settings,
            "}}"
        )
    };
}

pub const CASES: &[Case] = &[
    Case {
        id: "filter_disabled",
        name: Some("all"),
        base: ENVOY,
        bad: &[(ROUTE, overridden!("FilterConfig, disabled: true"))],
        good: &[(ROUTE, overridden!("FilterConfig, config: {}"))],
        line: "typed_per_filter_config",
    },
    Case {
        id: "filter_disabled",
        name: Some("all"),
        base: ENVOY,
        bad: &[(
            "domains: [\"*\"]",
            "domains: [\"*\"]\n              typedPerFilterConfig: {gate: {\"@type\": x/envoy.config.route.v3.FilterConfig, disabled: true}}",
        )],
        // Another filter, and a route without an upstream.
        good: &[
            (
                "domains: [\"*\"]",
                "domains: [\"*\"]\n              typed_per_filter_config: {waf: {\"@type\": x/envoy.config.route.v3.FilterConfig, disabled: true}}",
            ),
            (
                "direct_response: {status: 200}",
                "direct_response: {status: 200}\n                typed_per_filter_config: {gate: {\"@type\": x/envoy.config.route.v3.FilterConfig, disabled: true}}",
            ),
        ],
        line: "typedPerFilterConfig",
    },
    // On a shared gateway, routes to other upstreams need no filter.
    Case {
        id: "filter_disabled",
        name: Some("others"),
        base: ENVOY,
        bad: &[(
            "- name: all",
            "- {name: others, match: {path: /o}, route: {cluster: feed}, typed_per_filter_config: {gate: {\"@type\": x/envoy.config.route.v3.FilterConfig, disabled: true}}}\n              - name: all",
        )],
        good: &[
            (
                "- name: all",
                "- {name: others, match: {path: /o}, route: {cluster: feed}, typed_per_filter_config: {gate: {\"@type\": x/envoy.config.route.v3.FilterConfig, disabled: true}}}\n              - name: all",
            ),
            ("env: HF_READ}", "env: HF_READ, clusters: [huggingface]}"),
            (
                "- name: hf-vault\n",
                "- name: hf-vault\n                      clusters: [huggingface]\n",
            ),
        ],
        line: "name: others",
    },
    Case {
        id: "filter_disabled",
        name: Some("gate"),
        base: ENVOY,
        bad: &[(FILTER, "- name: gate\n            disabled: true\n")],
        good: &[
            (FILTER, "- name: gate\n            disabled: true\n"),
            (ROUTE, overridden!("FilterConfig, config: {}")),
        ],
        line: "disabled: true",
    },
    Case {
        id: "filter_disabled",
        name: Some("open"),
        base: ENVOY,
        bad: &[
            (FILTER, "- name: gate\n            disabled: true\n"),
            (ROUTE, overridden!("FilterConfig, config: {}")),
            (
                "- name: all",
                "- {name: open, match: {path: /open}, route: {cluster: huggingface}}\n              - name: all",
            ),
        ],
        good: &[
            (FILTER, "- name: gate\n            disabled: true\n"),
            (ROUTE, overridden!("FilterConfig, config: {}")),
            (
                "- name: all",
                "- {name: open, match: {path: /open}, route: {cluster: feed}}\n              - name: all",
            ),
        ],
        line: "name: open",
    },
    Case {
        id: "filter_config_per_route",
        name: Some("all"),
        base: ENVOY,
        bad: &[(ROUTE, overridden!("Wasm, config: {}"))],
        good: &[],
        line: "typed_per_filter_config",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("all"),
        base: ENVOY,
        bad: &[(
            PREFIX,
            "match: {prefix: /, headers: [{name: Authorization, present_match: true}]}",
        )],
        good: &[(
            PREFIX,
            "match: {prefix: /, headers: [{name: x-team, present_match: true}]}",
        )],
        line: "Authorization",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("all"),
        base: ENVOY,
        bad: &[
            (
                PREFIX,
                "match: {prefix: /, headers: [{name: x-entra-oid, string_match: {exact: a}}]}",
            ),
            (
                "revocation:",
                "forward: {identity_headers: {X-Entra-Oid: oid}}\n                    revocation:",
            ),
        ],
        good: &[(
            PREFIX,
            "match: {prefix: /, headers: [{name: x-entra-oid, string_match: {exact: a}}]}",
        )],
        line: "x-entra-oid",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("all"),
        base: ENVOY,
        bad: &[(
            PREFIX,
            "match: {prefix: /, headers: [{name: x_api_key, present_match: true}]}",
        )],
        good: &[],
        line: "x_api_key",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("all"),
        base: ENVOY,
        bad: &[(ROUTE, "route: {cluster_header: x-hf-bill-to}")],
        good: &[(ROUTE, "route: {cluster_header: x-cluster}")],
        line: "cluster_header",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("all"),
        base: ENVOY,
        bad: &[(
            ROUTE,
            "route: {weighted_clusters: {header_name: traceparent, clusters: [{name: huggingface, weight: 1}]}}",
        )],
        good: &[(
            ROUTE,
            "route: {weighted_clusters: {clusters: [{name: huggingface, weight: 1}]}}",
        )],
        line: "header_name",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("models"),
        base: ISTIO,
        bad: &[("x-team: {exact: a}", "x-scale-up-timeout: {exact: a}")],
        good: &[],
        line: "x-scale-up-timeout",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("models"),
        base: ISTIO,
        bad: &[(
            "headers: {x-team: {exact: a}}",
            "withoutHeaders: {authorization: {}}",
        )],
        good: &[],
        line: "withoutHeaders",
    },
    Case {
        id: "route_matches_filter_header",
        name: Some("models"),
        base: GATEWAY,
        bad: &[("name: x-team, value: a", "name: Authorization, value: a")],
        good: &[],
        line: "Authorization",
    },
];

#[test]
fn headers_that_are_never_forwarded_must_not_select_a_route() {
    assert!(NEVER_FORWARDED.len() >= 5, "{NEVER_FORWARDED:?}");
    for name in NEVER_FORWARDED {
        let to = format!("match: {{prefix: /, headers: [{{name: {name}, present_match: true}}]}}");
        let (_, findings) = check(&ENVOY.replacen(PREFIX, &to, 1), &[]);
        assert!(
            ids(&findings).contains("route_matches_filter_header"),
            "{name}"
        );
    }
}
