//! The rows of streams and long prompts. Each is compared with the same traffic whose bodies are not read, and what reading adds
//! with what the native filter for the same task adds.

use serde_json::{Value, json};

use crate::{
    load::Requests,
    native,
    policies::rules_by_model,
    rows::{Check, Row},
    stage::{Filters, Listener, Record},
};

/// The cost that reading adds: two rows of ours, with and without it, and two rows of the native chain.
pub struct Added {
    pub ours: [&'static str; 2],
    pub native: [&'static str; 2],
}

pub const ADDED: [Added; 4] = [
    Added {
        ours: ["ours, stream, usage", "ours, stream"],
        native: ["native, stream, usage", "native, stream"],
    },
    Added {
        ours: ["ours, short events, usage", "ours, short events"],
        native: ["native, short events, usage", "native, short events"],
    },
    Added {
        ours: ["ours, prompt, model", "ours, prompt"],
        native: ["native, prompt, model", "native, prompt"],
    },
    Added {
        ours: ["ours, long prompt, model", "ours, long prompt"],
        native: ["native, long prompt, model", "native, long prompt"],
    },
];

/// What is read: the listeners that read it, ours and the native chain's, and a description.
struct Reading {
    listeners: [&'static str; 2],
    about: &'static str,
}

const USAGE: Reading = Reading {
    listeners: ["ours-usage", "native-usage"],
    about: "the same, and usage is read",
};
const MODEL: Reading = Reading {
    listeners: ["ours-long-model", "native-model"],
    about: "the same, and the model is read, which is the last member",
};

pub fn listeners() -> Vec<Listener> {
    let listener = |name, filters| Listener {
        name,
        filters,
        record: Record::Line,
        has_quotas: false,
    };
    let [ours_usage, native_usage] = USAGE.listeners;
    let [ours_model, native_model] = MODEL.listeners;
    vec![
        listener("ours-body", ours(json!({}))),
        listener(ours_usage, ours(json!({"usage": true}))),
        listener(ours_model, ours(rules_by_model())),
        listener(native_usage, Filters::NativeAnd(native::usage_reader())),
        listener(native_model, Filters::NativeAnd(native::model_reader())),
    ]
}

fn ours(mut changes: Value) -> Filters {
    // A stream lasts longer than the default.
    changes["cache"] = json!({"ttl": "1h"});
    changes["limits"] = json!({"body_inspected": 4 << 20});
    Filters::Ours(changes)
}

pub fn rows(tokens: &[String]) -> Vec<Row> {
    let [stream, short_events, prompt, long_prompt] = &ADDED;
    let streams = |size| Requests::streams(tokens, size);
    let prompts = |size| Requests::prompts(tokens, size);
    [
        stream.rows(
            "300 events of 200 bytes, 1 ms apart",
            USAGE,
            streams(200),
            48,
        ),
        short_events.rows("300 events of 20 bytes, 1 ms apart", USAGE, streams(20), 48),
        prompt.rows("a prompt of 100 KB", MODEL, prompts(100_000), 800),
        long_prompt.rows("a prompt of 1 MB", MODEL, prompts(1_000_000), 100),
    ]
    .concat()
}

impl Added {
    /// `count`: the requests of a row in a round.
    fn rows(
        &self,
        about: &'static str,
        reading: Reading,
        requests: Requests,
        count: usize,
    ) -> Vec<Row> {
        let row = |name, about, listener, check| Row {
            name,
            about,
            listener,
            requests: requests.clone(),
            check,
            count,
            has_quotas: false,
        };
        let [ours_reading, native_reading] = reading.listeners;
        vec![
            row(self.ours[0], reading.about, ours_reading, Check::Cache),
            row(self.ours[1], about, "ours-body", Check::Cache),
            row(
                self.native[0],
                reading.about,
                native_reading,
                Check::NativeCache,
            ),
            row(self.native[1], about, "native-cache", Check::NativeCache),
        ]
    }
}
