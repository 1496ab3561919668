//! Reads the usage from one JSON document, which is a body or an event. These members are read:
//!
//! - `usage` of chat, completions and embeddings (`prompt_tokens`, …) and of responses and messages
//!   (`input_tokens`, …): at the top level, in `response` (events of responses), in `message` (the
//!   first event of messages) or in `x_groq`;
//! - `details` of TGI, also in its array of one item;
//! - `model`, in the same places;
//! - `error`, `error_type` and `status: failed`, or an event named `error`: a failure despite a
//!   successful status.

use super::reader::Scalar;
use super::{Usage, clip};
use std::borrow::Cow;

/// A member on the path to a value that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Member {
    /// Any other member.
    #[default]
    Other,
    /// An array item.
    Item,
    CacheCreationInputTokens,
    CacheReadInputTokens,
    CachedTokens,
    Code,
    CompletionTokens,
    CompletionTokensDetails,
    Details,
    Error,
    ErrorType,
    GeneratedTokens,
    InputLength,
    InputTokens,
    InputTokensDetails,
    Message,
    Model,
    OutputTokens,
    OutputTokensDetails,
    PromptTokens,
    PromptTokensDetails,
    ReasoningTokens,
    Response,
    Status,
    TotalTokens,
    Type,
    Usage,
    XGroq,
}

impl Member {
    /// Returns the member with this name, as written in JSON.
    pub(super) fn named(raw: &[u8]) -> Self {
        match raw {
            b"cache_creation_input_tokens" => Self::CacheCreationInputTokens,
            b"cache_read_input_tokens" => Self::CacheReadInputTokens,
            b"cached_tokens" => Self::CachedTokens,
            b"code" => Self::Code,
            b"completion_tokens" => Self::CompletionTokens,
            b"completion_tokens_details" => Self::CompletionTokensDetails,
            b"details" => Self::Details,
            b"error" => Self::Error,
            b"error_type" => Self::ErrorType,
            b"generated_tokens" => Self::GeneratedTokens,
            b"input_length" => Self::InputLength,
            b"input_tokens" => Self::InputTokens,
            b"input_tokens_details" => Self::InputTokensDetails,
            b"message" => Self::Message,
            b"model" => Self::Model,
            b"output_tokens" => Self::OutputTokens,
            b"output_tokens_details" => Self::OutputTokensDetails,
            b"prompt_tokens" => Self::PromptTokens,
            b"prompt_tokens_details" => Self::PromptTokensDetails,
            b"reasoning_tokens" => Self::ReasoningTokens,
            b"response" => Self::Response,
            b"status" => Self::Status,
            b"total_tokens" => Self::TotalTokens,
            b"type" => Self::Type,
            b"usage" => Self::Usage,
            b"x_groq" => Self::XGroq,
            _ => Self::Other,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Document {
    usage: Usage,
    /// The messages API counts tokens that are read from or written to a cache separately from its
    /// input.
    cache_read: Option<u64>,
    cache_written: Option<u64>,
    /// TGI's counts, which are valid only for a single item.
    prompt_details: Option<u64>,
    completion_details: Option<u64>,
    several: bool,
    /// The event's `type`.
    kind: Option<String>,
    failed: bool,
    error: Option<String>,
}

impl Document {
    /// Returns whether a scalar at this path is used.
    pub(super) fn wants(&self, path: &[Member]) -> bool {
        use Member::{Code, Details, Error, ErrorType, Model, Status, Type, Usage};
        match within(path) {
            [Usage | Details, ..] | [Error] => true,
            [.., last] => matches!(last, Model | Status | Type | Code | ErrorType),
            [] => false,
        }
    }

    /// Records that the document is the data of an event named `error`.
    pub(super) fn fail(&mut self) {
        self.failed = true;
        let kind = self.kind.take().filter(|kind| kind != "error");
        self.error = self.error.take().or(kind);
    }

    /// Records that an object begins at this path.
    pub(super) fn open(&mut self, path: &[Member]) {
        self.failed |= within(path) == [Member::Error];
    }

    /// Records that an array continues with its next item.
    pub(super) fn next_item(&mut self, path: &[Member]) {
        self.several |= path == [Member::Item];
    }

    pub(super) fn take(&mut self, path: &[Member], scalar: Scalar<'_>) {
        let inner = within(path);
        if let Some(count) = self.count(inner) {
            *count = scalar.number().or(*count);
            return;
        }
        match inner {
            [Member::Model] => {
                let model = scalar.text().map(|text| clip(&text));
                self.usage.model = model.or(self.usage.model.take());
            }
            [Member::Type] if path.len() == 1 => self.kind = scalar.text().map(Cow::into_owned),
            [Member::Status] => self.failed |= scalar.text().as_deref() == Some("failed"),
            [Member::Error] => self.failed |= !matches!(scalar, Scalar::Bare(b"null")),
            // `code` at the top level: an event of responses that is itself the error.
            [Member::ErrorType | Member::Code] | [Member::Error, Member::Type | Member::Code] => {
                let text = || scalar.text().map(Cow::into_owned);
                self.error = self.error.take().or_else(text);
            }
            _ => {}
        }
    }

    /// Returns the count at this path.
    fn count(&mut self, path: &[Member]) -> Option<&mut Option<u64>> {
        let usage = &mut self.usage;
        Some(match path {
            [Member::Usage, Member::PromptTokens | Member::InputTokens] => &mut usage.prompt_tokens,
            [
                Member::Usage,
                Member::CompletionTokens | Member::OutputTokens,
            ] => &mut usage.completion_tokens,
            [Member::Usage, Member::TotalTokens] => &mut usage.total_tokens,
            [
                Member::Usage,
                Member::PromptTokensDetails | Member::InputTokensDetails,
                Member::CachedTokens,
            ] => &mut usage.cached_tokens,
            [
                Member::Usage,
                Member::CompletionTokensDetails | Member::OutputTokensDetails,
                Member::ReasoningTokens,
            ] => &mut usage.reasoning_tokens,
            [Member::Usage, Member::CacheReadInputTokens] => &mut self.cache_read,
            [Member::Usage, Member::CacheCreationInputTokens] => &mut self.cache_written,
            [Member::Details, Member::GeneratedTokens] => &mut self.completion_details,
            [Member::Details, Member::InputLength] => &mut self.prompt_details,
            _ => return None,
        })
    }

    /// Returns the usage, once the document is complete.
    pub(super) fn into_usage(self) -> Usage {
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
            // This event has only the initial count; the last event has the final count.
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

/// Returns the path without the containers that may enclose usage.
fn within(path: &[Member]) -> &[Member] {
    match path {
        [
            Member::Item | Member::Response | Member::Message | Member::XGroq,
            rest @ ..,
        ] => rest,
        path => path,
    }
}
