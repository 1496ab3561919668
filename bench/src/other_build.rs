//! Rows that repeat others with another build of the filter.

use std::path::PathBuf;

use serde_json::{Value, json};
use testbed::traffic::changed;

use crate::{
    rows::{Row, portable, small_cache},
    stage::{Filters, Listener, Record},
};

/// A credential without `clusters`, a setting that builds before 2026-11-28 do not know.
pub fn credential_without_clusters() -> Value {
    json!({"credentials": [{"name": "hf-read", "env": "HF_TOKEN_READ"}]})
}

/// The row that verifies signatures in wasm, and the same for the build that `BENCH_BASELINE` names.
pub const PORTABLE: &str = "ours, wasm";
pub const BASELINE: &str = "ours, wasm, baseline";

/// Another build of the filter, and its rows.
pub struct OtherBuild {
    wasm: PathBuf,
    counterparts: Vec<Counterpart>,
}

/// A row that repeats another one with another build.
struct Counterpart {
    of: &'static str,
    name: &'static str,
    policy: Value,
}

impl OtherBuild {
    /// Counterparts of *ours, warm*, *ours, cold* and *ours, wasm*, named by the build's file.
    pub fn new(wasm: &str) -> OtherBuild {
        // Leaked because the names of rows are `&'static str`.
        let like = |of, suffix: &str, policy| Counterpart {
            of,
            name: format!("{wasm}, {suffix}").leak(),
            policy,
        };
        OtherBuild {
            wasm: wasm.into(),
            counterparts: vec![
                like("ours, warm", "warm", json!({})),
                like("ours, cold", "cold", small_cache()),
                like(PORTABLE, "wasm", portable()),
            ],
        }
    }

    /// The counterpart of *ours, wasm* by an earlier build.
    pub fn baseline(wasm: &str) -> OtherBuild {
        OtherBuild {
            wasm: wasm.into(),
            counterparts: vec![Counterpart {
                of: PORTABLE,
                name: BASELINE,
                policy: portable(),
            }],
        }
    }

    pub fn listeners(&self) -> impl Iterator<Item = Listener> {
        self.counterparts.iter().map(|counterpart| Listener {
            name: counterpart.name,
            filters: Filters::OtherBuild {
                wasm: self.wasm.clone(),
                policy: changed(&credential_without_clusters(), &counterpart.policy),
            },
            record: Record::Line,
            has_quotas: false,
        })
    }

    /// Returns the counterparts of the rows in `rows`.
    pub fn rows(&self, rows: &[Row]) -> Vec<Row> {
        let rows = self.counterparts.iter().filter_map(|counterpart| {
            let row = rows.iter().find(|row| row.name == counterpart.of)?;
            Some(Row {
                name: counterpart.name,
                listener: counterpart.name,
                ..row.clone()
            })
        });
        rows.collect()
    }
}
