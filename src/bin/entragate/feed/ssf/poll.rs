//! Polls (RFC 8936 §2.2 to §2.4): the request with acknowledgements and errors, and the answer with SETs.

use super::set::Rejected;
use entragate::json;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the next poll reports to the transmitter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub accepted: Vec<String>,
    pub rejected: BTreeMap<String, Rejected>,
}

impl Report {
    /// Returns the body of a poll.
    pub fn request(&self, max_events: u32, returns_immediately: bool) -> Vec<u8> {
        let mut request = Map::new();
        request.insert("maxEvents".to_owned(), json!(max_events));
        request.insert("returnImmediately".to_owned(), json!(returns_immediately));
        if !self.accepted.is_empty() {
            request.insert("ack".to_owned(), json!(self.accepted));
        }
        if !self.rejected.is_empty() {
            let errors = self.rejected.iter().map(|(id, error)| {
                let error = json!({"err": error.code(), "description": error.description()});
                (id.clone(), error)
            });
            let errors: Map<String, Value> = errors.collect();
            request.insert("setErrs".to_owned(), Value::Object(errors));
        }
        Value::Object(request).to_string().into_bytes()
    }
}

/// The answer to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// SETs by `jti`. `None`: the value is not a string.
    pub sets: BTreeMap<String, Option<String>>,
    pub has_more: bool,
}

/// Reads the answer to a poll.
///
/// # Errors
/// A text for the operator.
pub fn read(body: &[u8]) -> Result<Delivery, String> {
    let answer = json::parse_object(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the answer is not a JSON object (line {line}, column {column})")
    })?;
    let sets = match answer.get("sets") {
        Some(Value::Object(sets)) => sets.iter().map(|(id, set)| {
            let set = set.as_str().map(str::to_owned);
            (id.clone(), set)
        }),
        _ => return Err("the answer has no object \"sets\"".to_owned()),
    };
    let has_more = match answer.get("moreAvailable") {
        None | Some(Value::Null) => false,
        Some(value) => value
            .as_bool()
            .ok_or("the answer's moreAvailable is not true or false")?,
    };
    Ok(Delivery {
        sets: sets.collect(),
        has_more,
    })
}
