//! Rows that repeat others with another build of the filter.

use std::path::PathBuf;

use serde_json::{Value, json};
use strict_host::traffic::changed;

use crate::{
    rows::{Row, portable, small_cache},
    stage::{Filters, Listener, Record},
};

/// A credential without `clusters`, a setting that builds before 2026-11-28 do not have.
pub fn credential_without_clusters() -> Value {
    json!({"credentials": [{"name": "hf-read", "env": "HF_TOKEN_READ"}]})
}

/// The row that verifies signatures in wasm, and the same for the build that `BENCH_BASELINE` names.
pub const PORTABLE: &str = "ours, wasm";
pub const BASELINE: &str = "ours, wasm, baseline";

/// Another build of the filter, and its rows.
pub struct OtherBuild {
    wasm: PathBuf,
    has_clusters: bool,
    counterparts: Vec<Counterpart>,
}

/// A row that repeats another one with another build.
struct Counterpart {
    of: &'static str,
    name: &'static str,
    policy: Value,
}

impl OtherBuild {
    /// Counterparts of *ours, warm*, *ours, cold* and *ours, wasm*, named by the build's file. `name` is a file that ends in
    /// `.wasm`, followed by `+clusters` if the build's credential names a cluster. Returns `None` for any other name.
    pub fn named(name: &str) -> Option<OtherBuild> {
        let (wasm, has_clusters) = match name.strip_suffix("+clusters") {
            Some(wasm) => (wasm, true),
            None => (name, false),
        };
        if !wasm.ends_with(".wasm") {
            return None;
        }
        // Leaked because the names of rows are `&'static str`.
        let like = |of, suffix: &str, policy| Counterpart {
            of,
            name: format!("{name}, {suffix}").leak(),
            policy,
        };
        Some(OtherBuild {
            wasm: wasm.into(),
            has_clusters,
            counterparts: vec![
                like("ours, warm", "warm", json!({})),
                like("ours, cold", "cold", small_cache()),
                like(PORTABLE, "wasm", portable()),
            ],
        })
    }

    /// The counterpart of *ours, wasm* by an earlier build.
    pub fn baseline(wasm: &str) -> OtherBuild {
        OtherBuild {
            wasm: wasm.into(),
            has_clusters: false,
            counterparts: vec![Counterpart {
                of: PORTABLE,
                name: BASELINE,
                policy: portable(),
            }],
        }
    }

    pub fn listeners(&self) -> impl Iterator<Item = Listener> {
        let credential = match self.has_clusters {
            true => json!({}),
            false => credential_without_clusters(),
        };
        self.counterparts.iter().map(move |counterpart| Listener {
            name: counterpart.name,
            filters: Filters::OtherBuild {
                wasm: self.wasm.clone(),
                policy: changed(&credential, &counterpart.policy),
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
