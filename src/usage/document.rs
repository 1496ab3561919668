//! What one JSON document, a body or an event, tells of usage. Which member means what:
//!
//! - `usage` of chat, completions and embeddings (`prompt_tokens`, …) and of responses and messages
//!   (`input_tokens`, …), at the top, in `response` (events of responses), in `message` (the first
//!   event of messages) or in `x_groq`;
//! - `details` of TGI, also in its array of one;
//! - `model`, likewise;
//! - `error`, `error_type` and `status: failed`: a failure under a successful status.

use super::reader::{ITEM, Scalar};
use super::{Usage, clip};

/// Members that lead somewhere.
const MEMBERS: [&str; 26] = [
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cached_tokens",
    "code",
    "completion_tokens",
    "completion_tokens_details",
    "details",
    "error",
    "error_type",
    "generated_tokens",
    "input_length",
    "input_tokens",
    "input_tokens_details",
    "message",
    "model",
    "output_tokens",
    "output_tokens_details",
    "prompt_tokens",
    "prompt_tokens_details",
    "reasoning_tokens",
    "response",
    "status",
    "total_tokens",
    "type",
    "usage",
    "x_groq",
];

#[derive(Debug, Default)]
pub(super) struct Document {
    usage: Usage,
    /// Messages count what they read from or write to a cache apart from their input.
    cache_read: Option<u64>,
    cache_written: Option<u64>,
    /// TGI's, which count for one item only.
    prompt_details: Option<u64>,
    completion_details: Option<u64>,
    several: bool,
    /// What an event says it is.
    kind: Option<String>,
    failed: bool,
    error: Option<String>,
}

impl Document {
    /// A member's name if it leads somewhere, else nothing. `raw`: as written.
    pub(super) fn member(raw: &[u8]) -> &'static str {
        let known = |name: &&&str| name.as_bytes() == raw;
        MEMBERS.iter().find(known).copied().unwrap_or_default()
    }

    /// Whether a scalar at that path is of any use.
    pub(super) fn wants(&self, path: &[&str]) -> bool {
        match within(path) {
            ["usage", ..] | ["details", ..] | ["error"] => true,
            [.., last] => matches!(*last, "model" | "status" | "type" | "code" | "error_type"),
            [] => false,
        }
    }

    /// An object begins there.
    pub(super) fn open(&mut self, path: &[&str]) {
        self.failed |= within(path) == ["error"];
    }

    /// An array goes on to its next item.
    pub(super) fn next_item(&mut self, path: &[&str]) {
        self.several |= path == [ITEM];
    }

    pub(super) fn take(&mut self, path: &[&str], scalar: Scalar<'_>) {
        let usage = &mut self.usage;
        let number = || match scalar {
            Scalar::Bare(text) => std::str::from_utf8(text).ok()?.parse::<u64>().ok(),
            Scalar::Text(_) => None,
        };
        let text = || match scalar {
            Scalar::Text(raw) => {
                let quoted = [b"\"", raw, b"\""].concat();
                serde_json::from_slice::<String>(&quoted).ok()
            }
            Scalar::Bare(_) => None,
        };
        let slot = match within(path) {
            ["usage", "prompt_tokens" | "input_tokens"] => &mut usage.prompt_tokens,
            ["usage", "completion_tokens" | "output_tokens"] => &mut usage.completion_tokens,
            ["usage", "total_tokens"] => &mut usage.total_tokens,
            [
                "usage",
                "prompt_tokens_details" | "input_tokens_details",
                "cached_tokens",
            ] => &mut usage.cached_tokens,
            [
                "usage",
                "completion_tokens_details" | "output_tokens_details",
                "reasoning_tokens",
            ] => &mut usage.reasoning_tokens,
            ["usage", "cache_read_input_tokens"] => &mut self.cache_read,
            ["usage", "cache_creation_input_tokens"] => &mut self.cache_written,
            ["details", "generated_tokens"] => &mut self.completion_details,
            ["details", "input_length"] => &mut self.prompt_details,
            ["model"] => {
                usage.model = text().map(|text| clip(&text)).or(usage.model.take());
                return;
            }
            ["type"] if path.len() == 1 => {
                self.kind = text();
                return;
            }
            ["status"] => {
                self.failed |= text().as_deref() == Some("failed");
                return;
            }
            ["error"] => {
                self.failed |= !matches!(scalar, Scalar::Bare(b"null"));
                return;
            }
            ["error_type"] | ["error", "type" | "code"] => {
                self.error = self.error.take().or_else(text);
                return;
            }
            ["code"] => {
                // Of an event of responses that is the error itself.
                self.error = self.error.take().or_else(text);
                return;
            }
            _ => return,
        };
        *slot = number().or(*slot);
    }

    /// All of it, once it is whole.
    pub(super) fn told(self) -> Usage {
        let mut usage = self.usage;
        if let (Some(input), false) = (usage.prompt_tokens, usage.cached_tokens.is_some()) {
            let cached = self
                .cache_read
                .unwrap_or(0)
                .checked_add(self.cache_written.unwrap_or(0));
            usage.prompt_tokens = cached.and_then(|cached| input.checked_add(cached));
            usage.cached_tokens = self.cache_read;
        }
        if !self.several {
            usage.prompt_tokens = usage.prompt_tokens.or(self.prompt_details);
            usage.completion_tokens = usage.completion_tokens.or(self.completion_details);
        }
        if self.kind.as_deref() == Some("message_start") {
            // Only the beginning; the last event has the final count.
            usage.completion_tokens = None;
        }
        let failed = self.failed || matches!(self.kind.as_deref(), Some("error"));
        let error = self
            .error
            .as_deref()
            .map_or_else(|| "error".to_owned(), clip);
        usage.failed = failed.then_some(error);
        usage
    }
}

/// A path without what it may stand in.
fn within<'p, 'n>(path: &'p [&'n str]) -> &'p [&'n str] {
    match path {
        [ITEM | "response" | "message" | "x_groq", rest @ ..] => rest,
        path => path,
    }
}
