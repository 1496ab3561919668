//! The rows of policies with many rules, of which the last one permits the request.

use serde_json::Value;

use crate::{
    policies::{rules_by_cluster, rules_by_model, rules_by_path, rules_by_role},
    requests::Requests,
    rows::{Check, Row},
    stage::{Filters, Listener, Record},
};

/// The number of rules that the targets compare with ten.
pub const MOST: usize = 10_000;

/// A way in which the rules differ.
struct Kind {
    plural: &'static str,
    singular: &'static str,
    rules: fn(usize) -> Value,
    counts: &'static [usize],
}

const KINDS: [Kind; 4] = [
    Kind {
        plural: "roles",
        singular: "role",
        rules: rules_by_role,
        counts: &[10, 1000, MOST],
    },
    Kind {
        plural: "paths",
        singular: "path",
        rules: rules_by_path,
        counts: &[10, 1000, MOST],
    },
    Kind {
        plural: "models",
        singular: "model",
        rules: rules_by_model,
        counts: &[10, MOST],
    },
    Kind {
        plural: "clusters",
        singular: "cluster",
        rules: rules_by_cluster,
        counts: &[10, MOST],
    },
];

/// Returns the name of each kind, with the names of its rows with `MOST` rules and with ten.
pub fn pairs() -> impl Iterator<Item = (&'static str, [String; 2])> {
    let pair = |kind: &Kind| {
        let rows = [MOST, 10].map(|count| kind.name(count));
        (kind.singular, rows)
    };
    KINDS.iter().map(pair)
}

pub fn listeners() -> Vec<Listener> {
    // Leaked, here and below, because names are `&'static str`.
    let listener = |(kind, count): (&Kind, usize)| Listener {
        name: kind.name(count).leak(),
        filters: Filters::Ours((kind.rules)(count)),
        record: Record::Line,
        has_quotas: false,
    };
    policies().map(listener).collect()
}

pub fn rows(tokens: &[String]) -> Vec<Row> {
    let requests = Requests::permitted(tokens);
    let row = |(kind, count): (&Kind, usize)| {
        let name = kind.name(count).leak();
        let singular = kind.singular;
        Row {
            name,
            about: format!("{count} rules that differ by {singular}, the last one permits").leak(),
            listener: name,
            requests: requests.clone(),
            check: Check::Cache,
            has_quotas: false,
            count: 3000,
        }
    };
    policies().map(row).collect()
}

fn policies() -> impl Iterator<Item = (&'static Kind, usize)> {
    let with_counts = |kind: &'static Kind| kind.counts.iter().map(move |count| (kind, *count));
    KINDS.iter().flat_map(with_counts)
}

impl Kind {
    fn name(&self, count: usize) -> String {
        format!("ours, {count} {}", self.plural)
    }
}
