//! Executes the gate's instructions: header edits, replies and log lines. Counters go to `meters`.

use super::abi::{self, Map};
use super::kind::{Kind, kind};
use super::meters;
use crate::forward::Edit;
use crate::gate::{Marks, Notice, Ruling, Step};
use crate::reply::Reply;

/// The state of a request after its step was executed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The headers are set; the request may go upstream.
    Forwarded,
    /// The request was answered, possibly because it could not be made safe to forward.
    Ended,
    Waiting,
}

/// Executes a step for the request of the effective context, while its headers can be changed.
pub fn take(ruling: Ruling) -> Taken {
    mark(&ruling.marks);
    match ruling.step {
        Step::Wait | Step::Inspect => Taken::Waiting,
        Step::Reply(reply) => {
            answer(&reply);
            Taken::Ended
        }
        Step::Forward(edits) => {
            if edit(&edits) {
                Taken::Forwarded
            } else {
                // Partially edited headers must not be forwarded.
                refuse("entragate.internal");
                Taken::Ended
            }
        }
    }
}

/// Sets filter state of the effective context's stream, which only Envoy has.
pub fn mark(marks: &Marks) {
    if kind() == Kind::Envoy {
        for (name, value) in marks {
            abi::set_filter_state(name, value);
        }
    }
}

/// Denies a request without the gate: there is no valid configuration, or the headers are unreadable.
pub fn refuse(details: &str) {
    let body = r#"{"error":"The gateway could not decide because of an internal error, so the request is denied (internal)"}"#;
    let headers = [
        ("content-type", "application/json"),
        ("x-error-code", "internal"),
    ];
    let _ = abi::reply(500, &headers, body.as_bytes(), shown(details), 13);
}

/// Writes log lines and counters.
pub fn report(notices: Vec<Notice>) {
    for notice in notices {
        match notice {
            Notice::Count(name) => meters::count(&name, 1),
            Notice::Add(name, by) => meters::count(&name, by),
            Notice::Observe(name, value) => meters::observe(&name, value),
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
        // The stream no longer accepts an answer. It stays paused, so it can't be forwarded either.
        abi::log(
            log::Level::Warn,
            "a denied request could not be answered because its stream has ended",
        );
    }
}

/// Removes headers from the request of the effective context. If it returns false, the request must not
/// be forwarded.
#[must_use]
pub fn strip(names: &[String]) -> bool {
    names.iter().all(|name| match kind() {
        Kind::Envoy => abi::remove_header(Map::Request, name),
        // nginx's proxy still sends a header that the filter has removed, so it is emptied instead.
        Kind::Nginx => abi::set_header(Map::Request, name, ""),
    })
}

/// Returns the response code details, which are empty on ngx_wasm_module since it writes them into the
/// status line that the caller receives.
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
