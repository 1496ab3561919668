//! The rows that are compared: each has a listener, the requests that it gets, and the way in which its tokens must be
//! verified.

use serde_json::{Value, json};
use testbed::entra::Entra;

use crate::{
    native::Chain,
    other_build::PORTABLE,
    policies::{rules_by_model, rules_by_tool},
    requests::Requests,
    stage::{Filters, Listener, Record},
    tokens,
};

/// The number of callers in rows with many callers.
pub const MANY: usize = 10_000;
/// The number of callers in cold rows. The cache holds half of them, so a token is always evicted before it is sent again.
const FEW: usize = 1_000;

/// How tokens must be verified; otherwise the row does not measure what it claims.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Check {
    None,
    /// By Envoy's `verify_signature`, called by our filter.
    Host,
    /// By our filter itself.
    Wasm,
    /// Found in our filter's cache.
    Cache,
    /// By `jwt_authn`, without its cache.
    Native,
    /// Found in the cache of `jwt_authn`.
    NativeCache,
    /// Found in our filter's cache, or by Envoy's `verify_signature`.
    PartlyCached,
    /// The same for `jwt_authn`.
    NativePartlyCached,
}

#[derive(Clone)]
pub struct Row {
    pub name: &'static str,
    pub about: &'static str,
    pub listener: &'static str,
    pub requests: Requests,
    pub check: Check,
    /// Whether each request is counted by the rate limit service.
    pub has_quotas: bool,
    /// Requests per round.
    pub count: usize,
}

/// All listeners of the Envoy.
pub fn listeners() -> Vec<Listener> {
    let listener = |name, filters, record| Listener {
        name,
        filters,
        record,
        has_quotas: false,
    };
    let cold = || Filters::Native(Chain::cold());
    let warm = || Filters::Native(Chain::warm());
    let unchanged = || Filters::Ours(json!({}));
    let with_quotas = |listener| Listener {
        has_quotas: true,
        ..listener
    };
    vec![
        listener("none", Filters::None, Record::None),
        listener("empty", Filters::Empty, Record::None),
        listener("native", cold(), Record::Line),
        listener("native-cache", warm(), Record::Line),
        listener("native-quiet", cold(), Record::None),
        listener("native-cache-quiet", warm(), Record::None),
        listener("ours", unchanged(), Record::Line),
        listener("ours-quiet", unchanged(), Record::None),
        listener("ours-shipped", unchanged(), Record::Shipped),
        listener("ours-few", Filters::Ours(small_cache()), Record::Line),
        listener(
            "ours-few-shipped",
            Filters::Ours(small_cache()),
            Record::Shipped,
        ),
        listener("ours-few-quiet", Filters::Ours(small_cache()), Record::None),
        listener("ours-many", Filters::Ours(caching(MANY)), Record::Line),
        listener("ours-model", Filters::Ours(rules_by_model(1)), Record::Line),
        listener("ours-tool", Filters::Ours(rules_by_tool()), Record::Line),
        listener("ours-wasm", Filters::Ours(portable()), Record::Line),
        with_quotas(listener("native-quotas", warm(), Record::Line)),
        with_quotas(listener("ours-quotas", unchanged(), Record::Line)),
    ]
}

/// Verification in wasm, without a cache.
pub fn portable() -> Value {
    json!({"crypto": "wasm", "cache": {"ttl": "0s"}})
}

/// A cache of `entries` tokens that do not expire during the run.
pub fn caching(entries: usize) -> Value {
    json!({"cache": {"entries": entries, "ttl": "1h"}})
}

pub fn small_cache() -> Value {
    caching(FEW / 2)
}

pub fn rows(entra: &Entra) -> Vec<Row> {
    let one = Requests::permitted(&tokens::permitted(entra));
    let tool_call = Requests::tool_calls(&tokens::permitted(entra));
    let denied = Requests::denied(&tokens::denied(entra));
    let many = Requests::permitted(&tokens::many(entra, MANY));
    let long_one = Requests::permitted(&tokens::long(entra, 1));
    let long_many = Requests::permitted(&tokens::long(entra, FEW));
    let row = |name, about, listener, requests: &Requests, check| Row {
        name,
        about,
        listener,
        requests: requests.clone(),
        check,
        has_quotas: false,
        count: 3000,
    };
    let mut rows = vec![
        row(
            "none",
            "no filter, no record; the token is forwarded",
            "none",
            &one,
            Check::None,
        ),
        row(
            "empty",
            "a wasm filter that does nothing, no record; the token is forwarded",
            "empty",
            &one,
            Check::None,
        ),
        row(
            "native, cold",
            "native chain, every token verified",
            "native",
            &many,
            Check::Native,
        ),
        row(
            "native, warm",
            "native chain with its cache, one token",
            "native-cache",
            &one,
            Check::NativeCache,
        ),
        row(
            "native, many",
            "native chain with its cache, 10,000 tokens in rotation",
            "native-cache",
            &many,
            Check::NativeCache,
        ),
        row(
            "native, denied",
            "native chain with its cache, a caller without the role",
            "native-cache",
            &denied,
            Check::NativeCache,
        ),
        row(
            "native, long, cold",
            "native chain, 10 KB tokens, every token verified",
            "native",
            &long_many,
            Check::Native,
        ),
        row(
            "native, long, warm",
            "native chain with its cache, a 10 KB token",
            "native-cache",
            &long_one,
            Check::NativeCache,
        ),
        row(
            "native, cold, quiet",
            "native chain, every token verified, no record",
            "native-quiet",
            &many,
            Check::Native,
        ),
        row(
            "native, warm, quiet",
            "native chain with its cache, one token, no record",
            "native-cache-quiet",
            &one,
            Check::NativeCache,
        ),
        row(
            "ours, cold",
            "every token new",
            "ours-few",
            &many,
            Check::Host,
        ),
        row("ours, warm", "one token", "ours", &one, Check::Cache),
        row(
            "ours, many",
            "10,000 tokens in rotation, all cached",
            "ours-many",
            &many,
            Check::Cache,
        ),
        row(
            "ours, denied",
            "a caller without the role",
            "ours",
            &denied,
            Check::Cache,
        ),
        row(
            "ours, long, cold",
            "10 KB tokens, every one new",
            "ours-few",
            &long_many,
            Check::Host,
        ),
        row(
            "ours, long, warm",
            "a 10 KB token",
            "ours",
            &long_one,
            Check::Cache,
        ),
        row(
            "ours, cold, quiet",
            "every token new, `audit.log: off`",
            "ours-few-quiet",
            &many,
            Check::Host,
        ),
        row(
            "ours, warm, quiet",
            "one token, `audit.log: off`",
            "ours-quiet",
            &one,
            Check::Cache,
        ),
        row(
            "ours, warm, shipped",
            "one token; as in `envoy.yaml`: usage, filter state and the audit line",
            "ours-shipped",
            &one,
            Check::Cache,
        ),
        row(
            "ours, cold, shipped",
            "every token new; as in `envoy.yaml`",
            "ours-few-shipped",
            &many,
            Check::Host,
        ),
        row(
            "ours, model",
            "one token; a rule names models, so the body is read",
            "ours-model",
            &one,
            Check::Cache,
        ),
        row(
            "ours, tool",
            "one token; a call of an MCP tool, which a rule names",
            "ours-tool",
            &tool_call,
            Check::Cache,
        ),
        Row {
            has_quotas: true,
            ..row(
                "native, quotas",
                "native chain with its cache, one token; rate limits by identity, app and tokens",
                "native-quotas",
                &one,
                Check::NativeCache,
            )
        },
        Row {
            has_quotas: true,
            ..row(
                "ours, quotas",
                "one token; the same rate limits, with usage and filter state",
                "ours-quotas",
                &one,
                Check::Cache,
            )
        },
    ];
    rows.push(Row {
        count: 400,
        ..row(
            PORTABLE,
            "`crypto: wasm`, `cache.ttl: 0s`: the filter verifies every token itself",
            "ours-wasm",
            &many,
            Check::Wasm,
        )
    });
    rows
}
