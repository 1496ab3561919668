//! Findings about filter state and rate limits.

use super::*;

const OURS: &str = "- name: gate\n";
const ROUTER: &str = "- name: envoy.filters.http.router";
const RULE_ON_MODELS: &str = "models: [\"org/*\"]}";

/// A route with this rate limit.
macro_rules! limited {
    ($($limit:tt)*) => {
        (
            "route: {cluster: huggingface}",
            concat!(
                "route:\n                  cluster: huggingface\n                  rate_limits:\n                  - ",
                $($limit)*
            ),
        )
    };
}

/// A rate limit by filter state.
const BY_STATE: (&str, &str) =
    limited!("actions: [{extension: {name: oid, typed_config: {key: wasm.entragate.oid}}}]");

/// A rate limit by an expression.
macro_rules! by {
    ($text:literal) => {
        limited!(concat!(
            "actions: [{extension: {name: x, typed_config: {text: '",
            $text,
            "'}}}]"
        ))
    };
}

/// The configuration with this member.
macro_rules! setting {
    ($member:literal) => {
        (
            "revocation:",
            concat!($member, "\n                    revocation:"),
        )
    };
}

/// An access log whose lines contain this format.
macro_rules! shown {
    ($format:literal) => {
        (
            "request: {id: \"%REQ(X-REQUEST-ID)%\"}",
            concat!("request: {id: \"", $format, "\"}"),
        )
    };
}

/// An access log of the requests for which this expression is true.
macro_rules! logged {
    ($expression:literal) => {
        (
            "- name: file\n",
            concat!(
                "- name: file\n            filter: {extension_filter: {typed_config: {expression: \"",
                $expression,
                "\"}}}\n"
            ),
        )
    };
}
/// An access log of the requests that the filter did not decide.
const UNDECIDED: (&str, &str) = logged!("!('wasm.entragate.code' in filter_state)");

/// A case in which permitted requests appear in no log.
const fn unrecorded(bad: Changes, good: Changes) -> Case {
    Case {
        id: "permitted_not_recorded",
        name: Some("entragate"),
        base: ENVOY,
        bad,
        good,
        line: "audit",
    }
}

macro_rules! charged {
    ($more:literal) => {
        limited!(concat!(
            "{hits_addend: {format: \"%FILTER_STATE(wasm.entragate.total_tokens:PLAIN)%\"}",
            $more,
            "}"
        ))
    };
}

macro_rules! filter {
    ($more:literal) => {
        concat!(
            "- {name: limits, typed_config: {\"@type\": x/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            $more,
            "}}\n          "
        )
    };
}

/// A filter with a rate limit by filter state.
macro_rules! limiting {
    () => {
        filter!(
            ", rate_limits: [{actions: [{extension: {name: o, typed_config: {key: wasm.entragate.oid}}}]}]"
        )
    };
}

/// A route that asks the endpoint for responses without compression.
const PLAIN: (&str, &str) = (
    "- name: all",
    "- name: all\n                request_headers_to_add: [{header: {key: Accept-Encoding, value: identity}}]",
);

pub const CASES: &[Case] = &[
    Case {
        id: "rate_limit_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[by!("filter_state[\"wasm.entragate.user\"]")],
        good: &[by!("filter_state[\"wasm.entragate.oid\"]")],
        line: "entragate.user",
    },
    Case {
        id: "rate_limit_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[by!("filter_state[\"entragate.oid\"]")],
        good: &[by!("filter_state[\"wasm.entragate.client\"]")],
        line: "entragate.oid",
    },
    Case {
        id: "rate_limit_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[BY_STATE, setting!("audit: {filter_state: false}")],
        good: &[BY_STATE, setting!("audit: {filter_state: true}")],
        line: "wasm.entragate.oid",
    },
    Case {
        id: "rate_limit_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[BY_STATE, setting!("audit: {filter_state: [client]}")],
        good: &[BY_STATE, setting!("audit: {filter_state: [oid]}")],
        line: "wasm.entragate.oid",
    },
    unrecorded(
        &[UNDECIDED, setting!("audit: {log: denied}")],
        &[setting!("audit: {log: denied}")],
    ),
    unrecorded(
        &[UNDECIDED, setting!("audit: {log: \"off\"}")],
        &[UNDECIDED, setting!("audit: {log: all}")],
    ),
    unrecorded(
        &[("access_log:", "unused:"), setting!("audit: {log: denied}")],
        &[
            UNDECIDED,
            setting!("audit: {log: denied, filter_state: [oid]}"),
        ],
    ),
    unrecorded(
        &[
            logged!("response.flags != 0 || !('wasm.entragate.code' in filter_state)"),
            setting!("audit: {log: denied}"),
        ],
        &[
            logged!("!('wasm.entragate.code' in filter_state) || response.code < 400"),
            setting!("audit: {log: denied}"),
        ],
    ),
    unrecorded(
        &[
            (
                "- name: file\n",
                "- name: file\n            filter: {and_filter: {filters: [{status_code_filter: {}}, {extension_filter: \
                 {typed_config: {expression: \"!('wasm.entragate.code' in filter_state)\"}}}]}}\n",
            ),
            setting!("audit: {log: denied}"),
        ],
        &[
            logged!("'wasm.entragate.code' in filter_state || response.flags != 0"),
            setting!("audit: {log: denied}"),
        ],
    ),
    Case {
        id: "filter_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[
            shown!("%FILTER_STATE(wasm.entragate.oid:PLAIN)%"),
            setting!("audit: {filter_state: [client]}"),
        ],
        good: &[
            shown!("%FILTER_STATE(wasm.entragate.oid:PLAIN)%"),
            setting!("audit: {filter_state: [oid]}"),
        ],
        line: "wasm.entragate.oid",
    },
    Case {
        id: "filter_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[
            shown!("%FILTER_STATE(wasm.entragate.total_tokens:PLAIN)%"),
            setting!("usage: false"),
        ],
        good: &[shown!("%FILTER_STATE(wasm.entragate.total_tokens:PLAIN)%")],
        line: "wasm.entragate.total_tokens",
    },
    Case {
        id: "filter_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[UNDECIDED, setting!("audit: {filter_state: [oid]}")],
        good: &[UNDECIDED, setting!("audit: {filter_state: [code]}")],
        line: "wasm.entragate.code",
    },
    Case {
        id: "filter_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[shown!("%FILTER_STATE(entragate.oid:PLAIN)%")],
        good: &[shown!("%FILTER_STATE(wasm.entragate.oid:PLAIN)%")],
        line: "entragate.oid",
    },
    Case {
        id: "filter_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[(
            "upgrade_configs: []",
            "tracing: {custom_tags: [{tag: entragate.user, value: \"%FILTER_STATE(wasm.entragate.user:PLAIN)%\"}]}",
        )],
        good: &[(
            "upgrade_configs: []",
            "tracing: {custom_tags: [{tag: entragate.user, value: \"%FILTER_STATE(wasm.entragate.oid:PLAIN)%\"}]}",
        )],
        line: "entragate.user",
    },
    Case {
        id: "rate_limit_state_not_set",
        name: None,
        base: ENVOY,
        bad: &[
            charged!(", apply_on_stream_done: true"),
            setting!("usage: false"),
        ],
        good: &[
            by!("filter_state[\"wasm.entragate.oid\"]"),
            setting!("usage: false"),
        ],
        line: "total_tokens",
    },
    Case {
        id: "rate_limit_cel_string",
        name: None,
        base: ENVOY,
        bad: &[by!("string(filter_state[\"wasm.entragate.oid\"])")],
        good: &[by!("filter_state[\"wasm.entragate.oid\"]")],
        line: "string(",
    },
    Case {
        id: "rate_limit_before_tokens",
        name: None,
        base: ENVOY,
        bad: &[charged!("")],
        good: &[charged!(", apply_on_stream_done: true")],
        line: "total_tokens",
    },
    Case {
        id: "rate_limit_compressed",
        name: None,
        base: ENVOY,
        bad: &[charged!(", apply_on_stream_done: true")],
        good: &[charged!(", apply_on_stream_done: true"), PLAIN],
        line: "total_tokens",
    },
    Case {
        id: "rate_limit_unknown_tokens",
        name: None,
        base: ENVOY,
        bad: &[
            charged!(", applyOnStreamDone: true"),
            setting!("usage: true"),
        ],
        good: &[
            charged!(", apply_on_stream_done: true"),
            setting!("usage: {unknown_tokens: 500}"),
        ],
        line: "usage: true",
    },
    Case {
        id: "rate_limit_model_unknown",
        name: None,
        base: ENVOY,
        bad: &[
            (RULE_ON_MODELS, "methods: [POST]}"),
            by!("filter_state[\"wasm.entragate.model\"]"),
        ],
        good: &[by!("filter_state[\"wasm.entragate.model\"]")],
        line: "entragate.model",
    },
    Case {
        id: "rate_limit_model_unknown",
        name: None,
        base: ENVOY,
        bad: &[
            (RULE_ON_MODELS, "methods: [POST]}"),
            by!("filter_state[\"wasm.entragate.model\"]"),
        ],
        good: &[
            (RULE_ON_MODELS, "methods: [POST]}"),
            by!("filter_state[\"wasm.entragate.model\"]"),
            setting!("endpoints: [{hosts: [h.x], model: a/b}]"),
        ],
        line: "entragate.model",
    },
    Case {
        id: "rate_limit_before_filter",
        name: Some("limits"),
        base: ENVOY,
        bad: &[(OURS, concat!(limiting!(), "- name: gate\n"))],
        good: &[(
            ROUTER,
            concat!(limiting!(), "- name: envoy.filters.http.router"),
        )],
        line: "name: limits",
    },
    // A limit of connections before the filter, and one of callers behind it.
    Case {
        id: "rate_limit_before_filter",
        name: Some("limits"),
        base: ENVOY,
        bad: &[
            (OURS, concat!(filter!(""), "- name: gate\n")),
            by!("filter_state[\"wasm.entragate.oid\"]"),
        ],
        good: &[
            (OURS, concat!(filter!(""), "- name: gate\n")),
            (
                ROUTER,
                concat!(filter!(""), "- name: envoy.filters.http.router"),
            ),
            by!("filter_state[\"wasm.entragate.oid\"]"),
        ],
        line: "name: limits",
    },
];

#[test]
fn limits_in_another_file_are_checked_too() {
    let fragment = "rate_limits: [{actions: [{extension: {name: x, typed_config: {key: wasm.entragate.user}}}]}]";
    let (_, findings) = check(&format!("{ENVOY}---\n{fragment}\n"), &[]);
    assert!(ids(&findings).contains("rate_limit_state_not_set"));
}
