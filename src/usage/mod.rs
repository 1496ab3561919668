//! The token usage that a response reports. The response is read as it passes; it is not changed or
//! buffered, and only a few hundred bytes are kept.
//!
//! Usage is read from `usage` in JSON bodies and in events (chat, completions, embeddings,
//! responses, messages), from the headers of TGI and TEI, and from the `details` of TGI's last
//! event. Usage that is not reported is recorded as unknown and never estimated.

pub mod charge;
mod document;
mod events;
pub mod labels;
mod reader;

use crate::http::headers::Headers;
use crate::json::write::Writer;
use document::Document;
use events::Events;
use reader::Reader;
use serde::Serialize;

/// The maximum length of the name of a model, provider or error that is kept, in bytes.
const MAX_NAME: usize = 256;

/// The token usage that a response reports. Members that it does not report are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub struct Usage {
    /// All input tokens, cached or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// All generated tokens, including reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_tokens: Option<u64>,
    /// The sum of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Prompt tokens that were read from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Completion tokens that are not shown to the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// The name that the model reports in its response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider (`x-inference-provider`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The kind of error with which the response ended, whatever its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Why the counts are absent or not final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

/// Why the usage is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The response is complete and reports no usage. Streams report it only with
    /// `stream_options.include_usage`.
    #[serde(rename = "not_told")]
    NotReported,
    /// The response was interrupted.
    CutShort,
    /// The response has a content-encoding.
    Compressed,
    /// The response is neither JSON nor events, or is malformed.
    NotJson,
    /// The host did not provide the response.
    Withheld,
}

impl Unknown {
    const fn name(self) -> &'static str {
        match self {
            Self::NotReported => "not_told",
            Self::CutShort => "cut_short",
            Self::Compressed => "compressed",
            Self::NotJson => "not_json",
            Self::Withheld => "withheld",
        }
    }
}

/// Reads one response.
#[derive(Debug)]
pub struct Meter {
    usage: Usage,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Json(Box<(Reader, Document)>),
    Events(Box<Events>),
    /// The body is not read, or not read any further.
    Done,
}

impl Meter {
    /// Creates a meter for a successful response with these headers.
    pub fn new(headers: &Headers) -> Self {
        let count = |name| headers.text(name)?.parse::<u64>().ok();
        let computed = count("x-compute-tokens");
        let usage = Usage {
            prompt_tokens: count("x-prompt-tokens").or(computed),
            completion_tokens: count("x-generated-tokens"),
            total_tokens: computed,
            provider: headers.text("x-inference-provider").map(clip),
            ..Usage::default()
        };
        let mut meter = Self {
            usage,
            body: Body::Done,
        };
        let plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
        let kind = headers.text("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let suffix = kind.rfind('+').and_then(|at| kind.get(at..));
        let is = |own: Option<&str>, name| own.is_some_and(|own| own.eq_ignore_ascii_case(name));
        if headers.is_all {
            meter.usage.unknown = Some(Unknown::NotReported);
        } else if !headers.all("content-encoding").all(plain) {
            meter.usage.unknown = Some(Unknown::Compressed);
        } else if is(Some(kind), "text/event-stream") {
            meter.body = Body::Events(Box::default());
        } else if is(Some(kind), "application/json") || is(suffix, "+json") {
            meter.body = Body::Json(Box::default());
        } else {
            meter.usage.unknown = Some(Unknown::NotJson);
        }
        meter
    }

    /// Returns whether the meter needs more of the body.
    pub fn is_reading(&self) -> bool {
        !matches!(self.body, Body::Done)
    }

    /// Processes the next piece of the body; `None` if the host could not read it.
    pub fn feed(&mut self, piece: Option<&[u8]>, is_last: bool) {
        let Some(piece) = piece else {
            return self.end(Some(Unknown::Withheld));
        };
        match &mut self.body {
            Body::Json(json) => {
                let (reader, document) = &mut **json;
                reader.feed(piece, document);
                match (reader.is_broken(), is_last) {
                    (true, _) => self.end(Some(Unknown::NotJson)),
                    (false, true) => self.close_json(),
                    (false, false) => {}
                }
            }
            Body::Events(events) => {
                events.feed(piece, &mut self.usage);
                if is_last {
                    events.close(&mut self.usage);
                    self.end(None);
                }
            }
            Body::Done => {}
        }
    }

    /// Returns the usage reported so far.
    pub fn finish(mut self) -> Usage {
        if self.is_reading() {
            self.end(Some(Unknown::CutShort));
        }
        let mut usage = self.usage;
        let sum = || usage.prompt_tokens?.checked_add(usage.completion_tokens?);
        usage.total_tokens = usage.total_tokens.or_else(sum);
        let is_cut = usage.unknown == Some(Unknown::CutShort);
        if usage.counts_something() && !is_cut {
            usage.unknown = None;
        } else if usage.unknown.is_none() {
            usage.unknown = Some(Unknown::NotReported);
        }
        usage
    }

    fn close_json(&mut self) {
        match std::mem::replace(&mut self.body, Body::Done) {
            Body::Json(json) if json.0.is_complete() => self.usage.take(json.1),
            Body::Json(_) => self.usage.unknown = Some(Unknown::NotJson),
            Body::Events(_) | Body::Done => {}
        }
    }

    fn end(&mut self, unknown: Option<Unknown>) {
        self.body = Body::Done;
        self.usage.unknown = self.usage.unknown.or(unknown);
    }
}

impl Usage {
    /// Writes the members in the order of the derived serialization.
    pub fn write(&self, to: &mut Writer) {
        for (name, count) in [
            ("prompt_tokens", self.prompt_tokens),
            ("completion_tokens", self.completion_tokens),
            ("total_tokens", self.total_tokens),
            ("cached_tokens", self.cached_tokens),
            ("reasoning_tokens", self.reasoning_tokens),
        ] {
            if let Some(count) = count {
                to.number(name, count);
            }
        }
        for (name, text) in [
            ("model", self.model.as_deref()),
            ("provider", self.provider.as_deref()),
            ("failed", self.failed.as_deref()),
            ("unknown", self.unknown.map(Unknown::name)),
        ] {
            if let Some(text) = text {
                to.text(name, text);
            }
        }
    }

    fn counts_something(&self) -> bool {
        let counts = [
            self.prompt_tokens,
            self.completion_tokens,
            self.total_tokens,
        ];
        counts.iter().any(Option::is_some)
    }

    /// Replaces the usage of an earlier document, because counts are running totals.
    fn take(&mut self, document: Document) {
        let latest = document.into_usage();
        let is_report = latest.counts_something() || latest.failed.is_some();
        let newer = |new: Option<u64>, old: &mut Option<u64>| *old = new.or(*old);
        // In the last event, some servers of the messages API repeat the input without its cached part.
        let lacks_cached = self.cached_tokens.is_some() && latest.cached_tokens.is_none();
        if !lacks_cached || latest.prompt_tokens > self.prompt_tokens {
            newer(latest.prompt_tokens, &mut self.prompt_tokens);
        }
        newer(latest.completion_tokens, &mut self.completion_tokens);
        newer(latest.total_tokens, &mut self.total_tokens);
        newer(latest.cached_tokens, &mut self.cached_tokens);
        newer(latest.reasoning_tokens, &mut self.reasoning_tokens);
        // The model of the last report of tokens or of an error, or the first model named if no report names one.
        let (first, second) = match is_report {
            true => (latest.model, self.model.take()),
            false => (self.model.take(), latest.model),
        };
        self.model = first.or(second);
        self.failed = latest.failed.or(self.failed.take());
    }
}

fn clip(text: &str) -> String {
    let mut end = text.len().min(MAX_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
