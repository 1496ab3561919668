//! The changes, as text and as JSON.

use super::evaluator::{Comparison, Outcome};
use crate::report::printable;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The changes from one decision to another, of any number of records.
#[derive(Debug)]
struct Change {
    records: usize,
    /// The first of the records.
    example: Value,
}

#[derive(Debug, Default)]
pub struct Summary {
    unchanged: usize,
    unknown: usize,
    /// By the old and the new decision, in words.
    changes: BTreeMap<(String, String), Change>,
}

impl Summary {
    pub fn add(&mut self, record: &Value, comparison: &Comparison) {
        match comparison {
            Comparison::Unchanged => self.unchanged += 1,
            Comparison::Unknown => self.unknown += 1,
            Comparison::Changed(outcome) => {
                let key = (recorded(record), words(outcome));
                let change = self.changes.entry(key).or_insert_with(|| Change {
                    records: 0,
                    example: example(record),
                });
                change.records += 1;
            }
        }
    }

    fn changed(&self) -> usize {
        self.changes.values().map(|change| change.records).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.unchanged + self.unknown + self.changed() == 0
    }

    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    pub fn json(&self) -> Value {
        let change = |((from, to), change): (&(String, String), &Change)| json!({"from": from, "to": to, "records": change.records, "example": change.example});
        json!({
            "records": self.unchanged + self.unknown + self.changed(),
            "unchanged": self.unchanged,
            "unknown": self.unknown,
            "changed": self.changed(),
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
        })
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((from, to), change) in &self.changes {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:>6}  {} → {}",
                change.records,
                printable(from),
                printable(to)
            );
            let member = |name: &str| change.example[name].as_str().unwrap_or("unknown");
            let line = format!(
                "{} {} by {}, {}",
                member("method"),
                member("path"),
                member("caller"),
                member("time")
            );
            let _ = writeln!(text, "        for example {}", printable(&line));
        }
        let _ = writeln!(
            text,
            "{} records: {} unchanged, {} changed, {} unknown",
            self.unchanged + self.unknown + self.changed(),
            self.unchanged,
            self.changed(),
            self.unknown
        );
        if self.unknown > 0 {
            let _ = writeln!(
                text,
                "For unknown decisions, the records do not contain all facts, such as a claim or a model; pass the \
                 configuration that wrote them with --old, and list the claims in audit.claims"
            );
        }
        text
    }
}

fn member<'r>(record: &'r Value, name: &str) -> Option<&'r str> {
    record
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn recorded(record: &Value) -> String {
    words(&Outcome {
        code: member(record, "code").unwrap_or_default().to_owned(),
        rule: member(record, "rule").map(str::to_owned),
        credential: member(record, "credential").map(str::to_owned),
    })
}

fn words(outcome: &Outcome) -> String {
    let rule = outcome.rule.as_ref().map(|rule| format!(" by {rule}"));
    let credential = outcome
        .credential
        .as_ref()
        .map(|name| format!(" with {name}"));
    format!(
        "{}{}{}",
        outcome.code,
        rule.unwrap_or_default(),
        credential.unwrap_or_default()
    )
}

fn example(record: &Value) -> Value {
    let caller = member(record, "oid").or(member(record, "client"));
    json!({
        "request_id": member(record, "request_id"),
        "time": member(record, "time"),
        "method": member(record, "method"),
        "path": member(record, "path"),
        "caller": caller.unwrap_or("nobody"),
    })
}
