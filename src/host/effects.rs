//! Carries out what the gate says: header edits, replies, log lines. What is counted goes to `meters`.

use super::abi::{self, Map};
use super::kind::{Kind, kind};
use super::meters;
use crate::forward::Edit;
use crate::gate::{Notice, Ruling, Step};
use crate::reply::Reply;

/// What became of a request after its step was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Its headers are set; it may go upstream.
    Forwarded,
    /// It was answered, or could not be made safe to forward.
    Ended,
    Waiting,
}

/// Takes a step for the request of the effective context, while its headers can be changed.
pub fn take(ruling: Ruling) -> Taken {
    for (name, value) in &ruling.marks {
        abi::set_filter_state(name, value);
    }
    match ruling.step {
        Step::Wait | Step::Inspect => Taken::Waiting,
        Step::Reply(reply) => {
            answer(&reply);
            Taken::Ended
        }
        Step::Forward(edits) => match edit(&edits) {
            true => Taken::Forwarded,
            false => {
                // Half-edited headers must not leave.
                refuse("entragate.internal");
                Taken::Ended
            }
        },
    }
}

/// The answer when there is no gate to ask: no valid configuration, or unreadable headers.
pub fn refuse(details: &str) {
    let body = r#"{"error":"The gateway could not decide because of an internal error, so the request is denied (internal)"}"#;
    let headers = [
        ("content-type", "application/json"),
        ("x-error-code", "internal"),
    ];
    let _ = abi::reply(500, &headers, body.as_bytes(), shown(details), 13);
}

pub fn tell(notices: Vec<Notice>) {
    for notice in notices {
        match notice {
            Notice::Count(name) => meters::count(&name, 1),
            Notice::Add(name, by) => meters::count(&name, by),
            Notice::Audit(level, line) => abi::log(level, &line),
            Notice::Log(level, text) => abi::log(level, &text),
        }
    }
}

/// Answers the request of the effective context.
pub fn answer(reply: &Reply) {
    let headers: Vec<(&str, &str)> = reply
        .headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let Reply {
        status,
        details,
        grpc_status,
        ..
    } = reply;
    let content = reply.content();
    if !abi::reply(*status, &headers, &content, shown(details), *grpc_status) {
        // The stream can't be answered any more; paused as it is, it can't go on either.
        abi::log(
            log::Level::Warn,
            "a denied request could not be answered: its stream is gone",
        );
    }
}

/// Takes headers off the request of the effective context. False: it must not be forwarded.
#[must_use]
pub fn strip(names: &[String]) -> bool {
    names.iter().all(|name| match kind() {
        Kind::Envoy => abi::remove_header(Map::Request, name),
        // nginx's proxy still sends a header that the filter has removed, with its value.
        Kind::Nginx => abi::set_header(Map::Request, name, ""),
    })
}

/// ngx_wasm_module writes the details into the status line, where the caller reads them.
fn shown(details: &str) -> &str {
    match kind() {
        Kind::Envoy => details,
        Kind::Nginx => "",
    }
}

fn edit(edits: &[Edit]) -> bool {
    edits
        .iter()
        .all(|edit| abi::set_header(Map::Request, &edit.name, &edit.value))
}
