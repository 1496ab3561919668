//! Held responses: their bodies are buffered until the response can be passed, rewritten or replaced.

use crate::decision::{Denial, HeldLimit, Unavailable};
use crate::gate::response::tools::is_event_stream;
use crate::gate::response::{Returned, Shown, is_plain};
use crate::gate::{Gate, Notice, StreamId};
use crate::http::headers::Headers;
use crate::json;
use crate::mcp::tool_list;
use crate::metrics;
use crate::model::catalog;
use crate::time::Timestamp;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// The maximum length of the body of a 400 response that is read, in bytes.
pub const MAX_ERROR: usize = 4096;
/// The complete error of a paused endpoint, as observed; it is not documented.
const PAUSED: &str = "Bad Request: Invalid state";

#[derive(Debug)]
pub struct Held {
    pub purpose: Purpose,
    pub body: Vec<u8>,
    pub limit: usize,
    /// The time of the first tick that finds the response held; response events carry no time.
    pub since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A list of models, to be filtered.
    Models,
    /// An MCP server's response, whose list of tools is filtered.
    Tools,
    /// A 400, which a paused endpoint may have sent.
    Error,
}

/// The outcome of a held response.
pub enum Outcome {
    Pass,
    List(String),
    Failed(Denial),
}

impl Purpose {
    /// Returns the purpose of holding a list.
    pub fn of(shown: &Shown) -> Self {
        match shown {
            Shown::Models(_) => Self::Models,
            Shown::Tools(_) => Self::Tools,
        }
    }

    /// Returns the outcome if the body is unavailable.
    pub fn give_up(self, reason: &'static str) -> Outcome {
        match self {
            Self::Models => Outcome::Failed(Denial::ModelsUnreadable(reason)),
            Self::Tools => Outcome::Failed(Denial::McpUnreadable(reason)),
            Self::Error => Outcome::Pass,
        }
    }

    /// Returns the outcome if a limit of held bodies is reached.
    pub fn give_up_at(self, limit: HeldLimit) -> Outcome {
        match self {
            Self::Models | Self::Tools => Outcome::Failed(Denial::InspectionUnavailable(limit)),
            Self::Error => Outcome::Pass,
        }
    }
}

impl Held {
    fn has_been_held_for(&self, time: Duration, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now >= since.plus(time))
    }

    /// Returns the outcome for the complete body.
    pub fn evaluate(&self, shown: Option<&Shown>) -> Outcome {
        let list = match (self.purpose, shown) {
            (Purpose::Error, _) if says_paused(&self.body) => {
                return Outcome::Failed(Denial::EndpointUnavailable(Unavailable::Paused));
            }
            (Purpose::Error, _) => return Outcome::Pass,
            // A server accepts notifications with an empty response.
            (Purpose::Tools, _) if self.body.is_empty() => return Outcome::Pass,
            (Purpose::Models, Some(Shown::Models(view))) => {
                catalog::filter(&self.body, |id| view.shows(id))
            }
            (Purpose::Tools, Some(Shown::Tools(view))) => {
                let list = tool_list::filter(&self.body, &|name| view.shows(name));
                list.map(Cow::into_owned)
            }
            (Purpose::Models | Purpose::Tools, _) => Err("the request has no view of the list"),
        };
        match list {
            Ok(list) => Outcome::List(list),
            Err(reason) => self.purpose.give_up(reason),
        }
    }
}

impl Gate {
    /// Decides whether to hold a response until its body is complete. A list of models or tools is held, and so is an error that
    /// a paused endpoint may have sent. A stream that may list tools is filtered as it passes.
    pub(super) fn hold(
        &mut self,
        id: StreamId,
        status: Option<u16>,
        headers: &Headers,
    ) -> Result<bool, Denial> {
        let is_list = self.is_list(id, status);
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return Ok(false);
        };
        if is_list && &*exchange.record.method == "HEAD" {
            return Ok(false);
        }
        let length = headers.text("content-length");
        let length: Option<usize> = length.and_then(|text| text.parse().ok());
        let withheld = self.inspections.withholds_responses();
        let shown = exchange.response.view.as_ref().filter(|_| is_list);
        let (purpose, limit) = if let Some(shown) = shown {
            let (purpose, limit) = (Purpose::of(shown), self.config.limits.body_inspected);
            let is_stream = purpose == Purpose::Tools && is_event_stream(headers);
            let unreadable = match length {
                _ if !is_plain(headers) => Some("it is compressed"),
                _ if status == Some(206) => Some("it is only a partial response"),
                _ if is_stream => None,
                _ if withheld => Some("the host does not deliver it"),
                Some(length) if length > limit => Some("it is longer than limits.body_inspected"),
                _ if headers.is_all => Some("it has no body"),
                _ => None,
            };
            if let Some(reason) = unreadable
                && let Outcome::Failed(denial) = purpose.give_up(reason)
            {
                return Err(denial);
            }
            if is_stream {
                self.begin_stream(id);
                return Ok(false);
            }
            (purpose, limit)
        } else {
            let ours =
                exchange.record.credential.is_some() && self.config.forward.remap_unavailable;
            let short = length.is_none_or(|length| length <= MAX_ERROR) && !headers.is_all;
            if status != Some(400) || !ours || !short || withheld {
                return Ok(false);
            }
            (Purpose::Error, MAX_ERROR)
        };
        if let Err(full) = self.bodies.hold_response(id, self.inspections.len()) {
            self.note_exceeded(full);
            return match purpose.give_up_at(full) {
                Outcome::Failed(denial) => Err(denial),
                Outcome::Pass | Outcome::List(_) => Ok(false),
            };
        }
        exchange.response.held = Some(Held {
            purpose,
            body: Vec::new(),
            limit,
            since: None,
        });
        Ok(true)
    }

    /// Ends the wait for a body that is overdue or that the host withholds. `None`: the response is no
    /// longer held, or its body is not overdue.
    pub fn resume_response(&mut self, id: StreamId, now: Timestamp) -> Option<Returned> {
        let held = self.exchanges.get(&id)?.response.held.as_ref()?;
        let reason = if held.has_been_held_for(self.config.limits.inspection_timeout, now) {
            self.notices
                .push(Notice::Count(metrics::HELD_TOO_LONG.into()));
            "it did not arrive within limits.inspection_timeout"
        } else if held.has_been_held_for(self.config.wait.timeout, now)
            && !self.inspections.are_delivered()
        {
            if self.inspections.doubt_responses() {
                let text = "a response was held for its body, but the host delivered no body within wait.timeout; on \
                            Envoy, set allow_on_headers_stop_iteration: true next to this filter's vm_config. Until \
                            then, lists that are filtered (forward.filter_models, forward.filter_tools) are denied";
                self.notices
                    .push(Notice::Log(log::Level::Error, text.to_owned()));
            }
            "the host did not deliver it"
        } else {
            return None;
        };
        let outcome = held.purpose.give_up(reason);
        Some(self.release(id, outcome))
    }

    /// Returns the responses whose first piece or whole body is overdue. Starts the timer of new held
    /// responses.
    pub(in crate::gate) fn overdue_responses(&mut self, now: Timestamp) -> Vec<StreamId> {
        let (first, whole) = (
            self.config.wait.timeout,
            self.config.limits.inspection_timeout,
        );
        let time = if self.inspections.are_delivered() {
            whole
        } else {
            whole.min(first)
        };
        let mut overdue = Vec::new();
        for id in self.bodies.responses() {
            let exchange = self.exchanges.get_mut(id);
            if let Some(held) = exchange.and_then(|own| own.response.held.as_mut()) {
                held.since.get_or_insert(now);
                overdue.extend(held.has_been_held_for(time, now).then_some(*id));
            }
        }
        overdue
    }
}

/// Whether a body is the error of a paused endpoint: the plain text, or a JSON object whose only member is
/// the text. Other errors may repeat input from the caller, so they are not recognized.
fn says_paused(body: &[u8]) -> bool {
    if body.trim_ascii() == PAUSED.as_bytes() {
        return true;
    }
    json::parse_object(body).is_ok_and(|members| {
        let error = members.get("error").and_then(Value::as_str);
        members.len() == 1 && error == Some(PAUSED)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paused_endpoint_is_recognized_by_its_complete_error_only() {
        for body in [
            "Bad Request: Invalid state",
            "Bad Request: Invalid state\r\n",
            r#"{"error":"Bad Request: Invalid state"}"#,
            r#" { "error" : "Bad Request: Invalid state" } "#,
        ] {
            assert!(says_paused(body.as_bytes()), "{body}");
        }
        for body in [
            "",
            "Invalid state",
            "bad request: invalid state",
            "Bad Request: Invalid state machine",
            "Bad Request: unknown model Bad Request: Invalid state",
            r#"{"error":"unknown model 'Bad Request: Invalid state'"}"#,
            r#"{"error":"Bad Request: Invalid state","input":"x"}"#,
            r#"{"error":{"message":"Bad Request: Invalid state"}}"#,
            r#"{"error":"x","error":"Bad Request: Invalid state"}"#,
            r#"{"message":"Bad Request: Invalid state"}"#,
            r#"["Bad Request: Invalid state"]"#,
            r#"{"error":"x"} Bad Request: Invalid state"#,
        ] {
            assert!(!says_paused(body.as_bytes()), "{body}");
        }
    }
}
