//! What is compared: each row a listener, the requests it is sent, and how its tokens must have been checked.

use std::path::PathBuf;

use serde_json::{Value, json};
use testbed::{entra::Entra, everyday::changed};

use crate::{
    load::Requests,
    policies::{rules_by_path, rules_by_role},
    stage::{Filters, Listener, Record},
    tokens,
};

/// How many callers there are where there are many.
pub const MANY: usize = 10_000;
/// With fewer remembered than come round, the least recently used is never the next one.
const FEW: usize = 1_000;

/// How tokens must have been checked, or the row does not measure what it says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Check {
    None,
    /// By Envoy's `verify_signature`, asked by our filter.
    Host,
    /// By our filter itself.
    Wasm,
    /// Remembered by our filter.
    Cache,
    /// By `jwt_authn`, each anew.
    Native,
    /// Remembered by `jwt_authn`.
    NativeCache,
}

#[derive(Clone)]
pub struct Row {
    pub name: &'static str,
    pub about: &'static str,
    pub listener: &'static str,
    pub requests: Requests,
    pub check: Check,
    /// Requests in a round.
    pub count: usize,
}

/// Every listener of the one Envoy.
pub fn listeners() -> Vec<Listener> {
    let listener = |name, filters, record| Listener {
        name,
        filters,
        record,
    };
    let native = |cached| Filters::Native { cached };
    let unchanged = || Filters::Ours(json!({}));
    vec![
        listener("none", Filters::None, Record::None),
        listener("empty", Filters::Empty, Record::None),
        listener("native", native(false), Record::Line),
        listener("native-cache", native(true), Record::Line),
        listener("native-quiet", native(false), Record::None),
        listener("native-cache-quiet", native(true), Record::None),
        listener("ours", unchanged(), Record::Line),
        listener("ours-quiet", unchanged(), Record::None),
        listener("ours-shipped", unchanged(), Record::Both),
        listener("ours-few", Filters::Ours(few()), Record::Line),
        listener("ours-few-shipped", Filters::Ours(few()), Record::Both),
        listener("ours-few-quiet", Filters::Ours(few()), Record::None),
        listener("ours-many", Filters::Ours(remembering(MANY)), Record::Line),
        listener("ours-10", Filters::Ours(rules_by_role(10)), Record::Line),
        listener(
            "ours-1000",
            Filters::Ours(rules_by_role(1000)),
            Record::Line,
        ),
        listener(
            "ours-10-paths",
            Filters::Ours(rules_by_path(10)),
            Record::Line,
        ),
        listener(
            "ours-1000-paths",
            Filters::Ours(rules_by_path(1000)),
            Record::Line,
        ),
        listener("ours-wasm", Filters::Ours(portable()), Record::Line),
    ]
}

/// No host's cryptography, and no token remembered.
fn portable() -> Value {
    json!({"crypto": "wasm", "cache": {"ttl": "0s"}})
}

/// A cache of so many tokens, which stay.
fn remembering(entries: usize) -> Value {
    json!({"cache": {"entries": entries, "ttl": "1h"}})
}

fn few() -> Value {
    remembering(FEW / 2)
}

/// The credential without its cluster, which builds before 2026-11-28 do not know.
fn unbound() -> Value {
    json!({"credentials": [{"name": "hf-read", "env": "HF_TOKEN_READ"}]})
}

/// The row of the portable signature, and the same by the build that `BENCH_BASELINE` names.
pub const PORTABLE: &str = "ours, wasm";
pub const BASELINE: &str = "ours, wasm, baseline";

/// Another build of the filter, and its rows.
pub struct Other {
    wasm: PathBuf,
    counterparts: Vec<Counterpart>,
}

/// A row by another build.
struct Counterpart {
    of: &'static str,
    name: &'static str,
    policy: Value,
}

impl Other {
    /// Counterparts of *ours, warm*, *ours, cold* and *ours, wasm*, named by the build's file.
    pub fn new(wasm: &str) -> Other {
        // For as long as the run, as all names of rows are.
        let like = |of, what: &str, policy| Counterpart {
            of,
            name: format!("{wasm}, {what}").leak(),
            policy,
        };
        Other {
            wasm: wasm.into(),
            counterparts: vec![
                like("ours, warm", "warm", json!({})),
                like("ours, cold", "cold", few()),
                like(PORTABLE, "wasm", portable()),
            ],
        }
    }

    /// The counterpart of *ours, wasm* by an earlier build.
    pub fn baseline(wasm: &str) -> Other {
        Other {
            wasm: wasm.into(),
            counterparts: vec![Counterpart {
                of: PORTABLE,
                name: BASELINE,
                policy: portable(),
            }],
        }
    }

    pub fn listeners(&self) -> impl Iterator<Item = Listener> {
        self.counterparts.iter().map(|own| Listener {
            name: own.name,
            filters: Filters::Other {
                wasm: self.wasm.clone(),
                policy: changed(&unbound(), &own.policy),
            },
            record: Record::Line,
        })
    }

    /// The counterparts of those rows that are among `rows`.
    pub fn rows(&self, rows: &[Row]) -> Vec<Row> {
        let rows = self.counterparts.iter().filter_map(|own| {
            let row = rows.iter().find(|row| row.name == own.of)?;
            Some(Row {
                name: own.name,
                listener: own.name,
                ..row.clone()
            })
        });
        rows.collect()
    }
}

pub fn rows(entra: &Entra) -> Vec<Row> {
    let one = Requests::permitted(&tokens::usual(entra));
    let refused = Requests::refused(&tokens::refused(entra));
    let many = Requests::permitted(&tokens::many(entra, MANY));
    let long_one = Requests::permitted(&tokens::long(entra, 1));
    let long_many = Requests::permitted(&tokens::long(entra, FEW));
    let row = |name, about, listener, requests: &Requests, check| Row {
        name,
        about,
        listener,
        requests: requests.clone(),
        check,
        count: 3000,
    };
    let mut rows = vec![
        row(
            "none",
            "no filter, no record; the token goes on",
            "none",
            &one,
            Check::None,
        ),
        row(
            "empty",
            "a wasm filter that does nothing, no record; the token goes on",
            "empty",
            &one,
            Check::None,
        ),
        row(
            "native, cold",
            "native chain, every token checked",
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
            "native chain with its cache, 10,000 tokens in turn",
            "native-cache",
            &many,
            Check::NativeCache,
        ),
        row(
            "native, denied",
            "native chain with its cache, a caller without the role",
            "native-cache",
            &refused,
            Check::NativeCache,
        ),
        row(
            "native, long, cold",
            "native chain, 10 KB tokens, every token checked",
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
            "native chain, every token checked, no record",
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
            "10,000 tokens in turn, all remembered",
            "ours-many",
            &many,
            Check::Cache,
        ),
        row(
            "ours, denied",
            "a caller without the role",
            "ours",
            &refused,
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
            "one token; as `envoy.yaml` has it: usage, filter state, audit line and access log",
            "ours-shipped",
            &one,
            Check::Cache,
        ),
        row(
            "ours, cold, shipped",
            "every token new; as `envoy.yaml` has it",
            "ours-few-shipped",
            &many,
            Check::Host,
        ),
        row(
            "ours, 10 roles",
            "10 rules told apart by role, the last one permits",
            "ours-10",
            &one,
            Check::Cache,
        ),
        row(
            "ours, 1000 roles",
            "1,000 rules told apart by role, the last one permits",
            "ours-1000",
            &one,
            Check::Cache,
        ),
        row(
            "ours, 10 paths",
            "10 rules told apart by path, the last one permits",
            "ours-10-paths",
            &one,
            Check::Cache,
        ),
        row(
            "ours, 1000 paths",
            "1,000 rules told apart by path, the last one permits",
            "ours-1000-paths",
            &one,
            Check::Cache,
        ),
    ];
    rows.push(Row {
        count: 400,
        ..row(
            PORTABLE,
            "`crypto: wasm`, `cache.ttl: 0s`: every token checked in the filter",
            "ours-wasm",
            &many,
            Check::Wasm,
        )
    });
    rows
}
