//! The rows of streams, answers and long prompts. Each is compared with the same traffic whose bodies are not read. The
//! cost that reading adds is compared with the cost that the native filter for the same task adds.

use serde_json::{Value, json};

use crate::{
    native::{self, Chain},
    policies::rules_by_model,
    requests::Requests,
    rows::{Check, Row},
    stage::{Filters, Listener, Record},
    upstream::Asked,
};

/// The rows that show the cost of reading: our filter with and without it, the native chain with and without it, and the same
/// traffic without filters.
pub struct Added {
    pub ours: [&'static str; 2],
    pub native: [&'static str; 2],
    pub none: &'static str,
}

pub const STREAM: Added = Added {
    ours: ["ours, stream, usage", "ours, stream"],
    native: ["native, stream, usage", "native, stream"],
    none: "none, stream",
};
pub const SHORT_EVENTS: Added = Added {
    ours: ["ours, short events, usage", "ours, short events"],
    native: ["native, short events, usage", "native, short events"],
    none: "none, short events",
};
pub const ANSWER: Added = Added {
    ours: ["ours, answer, usage", "ours, answer"],
    native: ["native, answer, usage", "native, answer"],
    none: "none, answer",
};
pub const PROMPT: Added = Added {
    ours: ["ours, prompt, model", "ours, prompt"],
    native: ["native, prompt, model", "native, prompt"],
    none: "none, prompt",
};
pub const LONG_PROMPT: Added = Added {
    ours: ["ours, long prompt, model", "ours, long prompt"],
    native: ["native, long prompt, model", "native, long prompt"],
    none: "none, long prompt",
};
/// The minimum cost that a wasm filter adds to read a stream: this filter only copies each event from the host.
pub const COPY: [&str; 2] = ["copying, stream", "empty, stream"];

pub const ALL: [Added; 5] = [STREAM, SHORT_EVENTS, ANSWER, PROMPT, LONG_PROMPT];

/// The number of events in a stream, without the last two.
const EVENTS: usize = 300;

/// A part of the body that is read: the listeners that read it, ours and the native chain's, and a description.
pub struct Reading {
    pub listeners: [&'static str; 2],
    about: &'static str,
}

pub const EVENT_USAGE: Reading = Reading {
    listeners: ["ours-usage", "native-event-usage"],
    about: "the same, and usage is read",
};
const ANSWER_USAGE: Reading = Reading {
    listeners: ["ours-usage", "native-answer-usage"],
    about: "the same, and usage is read, which is the last member",
};
pub const MODEL: Reading = Reading {
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
    let [ours_usage, native_event_usage] = EVENT_USAGE.listeners;
    let [_, native_answer_usage] = ANSWER_USAGE.listeners;
    let [ours_model, native_model] = MODEL.listeners;
    let native = |filter| Filters::Native(Chain::warm().with(filter));
    let answer_usage = native::answer_usage_reader(&native::COUNTS);
    vec![
        Listener {
            record: Record::None,
            ..listener("copying", Filters::Copying)
        },
        listener("ours-body", ours(json!({}))),
        listener(ours_usage, ours(json!({"usage": true}))),
        listener(ours_model, ours(rules_by_model(1))),
        listener(native_event_usage, native(native::event_usage_reader())),
        listener(native_answer_usage, native(answer_usage)),
        listener(native_model, native(native::model_reader())),
    ]
}

fn ours(mut changes: Value) -> Filters {
    // A stream lasts longer than the default `ttl`.
    changes["cache"] = json!({"ttl": "1h"});
    changes["limits"] = json!({"body_inspected": 4 << 20});
    Filters::Ours(changes)
}

pub fn rows(tokens: &[String]) -> Vec<Row> {
    let streams = |size| {
        Requests::asking(
            tokens,
            Asked::Stream {
                size,
                events: EVENTS,
            },
        )
    };
    let answers = |size| Requests::asking(tokens, Asked::Answer(size));
    let prompts = |size| Requests::prompts(tokens, size);
    let stream = "300 events of 200 bytes, 1 ms apart";
    let short_events = "300 events of 20 bytes, 1 ms apart";
    let least = |name, about, listener| Row {
        name,
        about,
        listener,
        requests: streams(200),
        check: Check::None,
        count: 24,
        has_quotas: false,
    };
    let [copying, empty] = COPY;
    let copies = "a wasm filter that copies each event from the host, no record";
    [
        vec![
            least(copying, copies, "copying"),
            least(empty, "a wasm filter that does nothing, no record", "empty"),
        ],
        STREAM.rows(stream, EVENT_USAGE, streams(200), 24),
        SHORT_EVENTS.rows(short_events, EVENT_USAGE, streams(20), 24),
        ANSWER.rows("an answer of 64 KB", ANSWER_USAGE, answers(64_000), 800),
        PROMPT.rows("a prompt of 100 KB", MODEL, prompts(100_000), 800),
        LONG_PROMPT.rows("a prompt of 1 MB", MODEL, prompts(1_000_000), 100),
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
        let (ours, native) = (Check::Cache, Check::NativeCache);
        let [ours_reading, native_reading] = reading.listeners;
        vec![
            row(self.ours[0], reading.about, ours_reading, ours),
            row(self.ours[1], about, "ours-body", ours),
            row(self.native[0], reading.about, native_reading, native),
            row(self.native[1], about, "native-cache", native),
            row(self.none, about, "none", Check::None),
        ]
    }
}
