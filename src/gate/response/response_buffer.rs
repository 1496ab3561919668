//! A response that is held until its body has been seen, or enough of it.

use crate::decision::{Denial, HeldLimit, Unavailable};
use crate::gate::response::Returned;
use crate::gate::{Gate, Notice, StreamId};
use crate::json;
use crate::metrics;
use crate::model::catalog;
use crate::policy::view::View;
use crate::time::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// Longest 400 that is read for what it says, in bytes.
pub const MAX_COMPLAINT: usize = 4096;
/// The whole error of a paused endpoint, as observed; it is not documented.
const PAUSED: &str = "Bad Request: Invalid state";

#[derive(Debug)]
pub struct Held {
    pub purpose: Purpose,
    pub body: Vec<u8>,
    pub limit: usize,
    /// Set by the first tick that finds it held: responses do not tell the time.
    pub since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A list of models, to be filtered.
    List,
    /// A 400, which may be that of a paused endpoint.
    Complaint,
}

/// What a held response has led to.
pub enum Outcome {
    Pass,
    List(String),
    Failed(Denial),
}

impl Purpose {
    /// What becomes of it when its body can't be had.
    pub fn give_up(self, reason: &'static str) -> Outcome {
        match self {
            Self::List => Outcome::Failed(Denial::ModelsUnreadable(reason)),
            Self::Complaint => Outcome::Pass,
        }
    }

    /// What becomes of it when no more may be held.
    pub fn give_up_at(self, limit: HeldLimit) -> Outcome {
        match self {
            Self::List => Outcome::Failed(Denial::InspectionUnavailable(limit)),
            Self::Complaint => Outcome::Pass,
        }
    }
}

impl Held {
    fn has_been_held_for(&self, time: Duration, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now >= since.plus(time))
    }

    /// What its whole body makes of it.
    pub fn judge(&self, view: Option<&View>) -> Outcome {
        match (self.purpose, view) {
            (Purpose::Complaint, _) if says_paused(&self.body) => {
                Outcome::Failed(Denial::EndpointUnavailable(Unavailable::Paused))
            }
            (Purpose::Complaint, _) => Outcome::Pass,
            (Purpose::List, None) => self.purpose.give_up("nobody may see it"),
            (Purpose::List, Some(view)) => match catalog::filter(&self.body, |id| view.shows(id)) {
                Ok(list) => Outcome::List(list),
                Err(reason) => self.purpose.give_up(reason),
            },
        }
    }
}

impl Gate {
    /// Ends the wait for a body that is overdue, or that the host keeps back. `None`: the response is
    /// no longer held, or not overdue.
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
                let text = "a response was held for its body, but the host handed out none within \
                            wait.timeout: on Envoy set allow_on_headers_stop_iteration: true beside \
                            this filter's vm_config; until then lists of models are refused, unless \
                            forward.filter_models is false";
                self.notices
                    .push(Notice::Log(log::Level::Error, text.to_owned()));
            }
            "the host did not hand it out"
        } else {
            return None;
        };
        let outcome = held.purpose.give_up(reason);
        Some(self.release(id, outcome))
    }

    /// Responses whose first piece or whose whole body is overdue. The time begins here for those
    /// that are new.
    pub(in crate::gate) fn overdue_responses(&mut self, now: Timestamp) -> Vec<StreamId> {
        let (first, whole) = (
            self.config.wait.timeout,
            self.config.limits.inspection_timeout,
        );
        let time = match self.inspections.are_delivered() {
            true => whole,
            false => whole.min(first),
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

/// Whether an error is that of a paused endpoint, as a text or as a JSON object whose only member is the
/// text. Any other error may repeat what the caller sent.
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
    fn only_the_whole_error_of_a_paused_endpoint_says_paused() {
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
