//! A response that is held until its body has been seen, or enough of it.

use crate::decision::{Denial, Unavailable};
use crate::json;
use crate::model::catalog;
use crate::policy::view::View;
use crate::time::Timestamp;
use serde_json::Value;

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
    pub first_piece_by: Option<Timestamp>,
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
}

impl Held {
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.first_piece_by.is_some_and(|by| now >= by)
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
