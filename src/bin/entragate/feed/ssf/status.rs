//! The status of a stream, for the operator. Contains no subjects.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Counters since the start.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Events, by type, that changed, confirmed or ended a revocation.
    pub applied: BTreeMap<&'static str, u64>,
    /// Events, by type, that end no access.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Events, by type, whose subject has no part that can be compared with tokens.
    pub unmatched: BTreeMap<&'static str, u64>,
    /// SETs that were delivered again.
    pub repeated: u64,
    /// SETs by error code.
    pub rejected: BTreeMap<&'static str, u64>,
    pub failed_polls: u64,
    /// SETs of the last delivery whose key is still unknown.
    pub waiting: u64,
}

impl Counts {
    pub fn json(&self) -> Value {
        json!({
            "applied": self.applied,
            "ignored": self.ignored,
            "unmatched": self.unmatched,
            "repeated": self.repeated,
            "rejected": self.rejected,
            "failed_polls": self.failed_polls,
            "waiting": self.waiting,
        })
    }
}

/// Counts one of a kind.
pub fn count(counts: &mut BTreeMap<&'static str, u64>, name: &'static str) {
    *counts.entry(name).or_default() += 1;
}
