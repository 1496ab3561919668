//! The response to a forwarded request: passes its headers and body to the gate and executes the result.
//!
//! A replacement of the upstream's response is a local reply from a response callback. Envoy then ends the
//! upstream's request and answers the caller in the caller's protocol. ngx_wasm_module hangs in this case, and
//! delivers no body while it holds the headers. On nginx, responses therefore pass unchanged, and lists of
//! models are denied before they are requested.

use super::Shared;
use super::abi::{self, Buffer, Map};
use super::effects;
use super::kind::{Kind, kind};
use crate::forward::Edit;
use crate::gate::{BodyUse, Gate, Origin, Return, Returned, StreamId};
use crate::http::headers::Headers;
use proxy_wasm::types::Action;

/// The maximum number of body bytes that are copied at a time.
const MAX_PART: usize = 64 * 1024;

pub struct Response {
    id: StreamId,
    gate: Shared,
    /// The number of body bytes that were passed to the gate while the response is held.
    handed: usize,
}

impl Response {
    pub fn new(id: StreamId, gate: Shared) -> Self {
        let handed = 0;
        Self { id, gate, handed }
    }

    pub fn headers(&mut self, is_all: bool) -> Action {
        let is_wanted = |gate: &Gate| gate.wants_response(self.id);
        if kind() == Kind::Nginx || !self.gate.borrow().as_ref().is_some_and(is_wanted) {
            return Action::Continue;
        }
        note_upstream(&self.gate, self.id);
        let mut headers = abi::headers(Map::Response).unwrap_or_default();
        headers.is_all = is_all;
        let details = || abi::property("response\0code_details");
        let error = Gate::needs_origin(&headers).then(|| (details(), abi::now()));
        let origin = error.as_ref().map(|(details, now)| Origin {
            details: details.as_deref(),
            now: *now,
        });
        self.pass_headers(&headers, origin)
    }

    /// Handles body data. `size` is the size of the piece, or of the whole held body.
    pub fn body(&mut self, size: usize, is_last: bool) -> Action {
        let use_of_body =
            (self.gate.borrow().as_ref()).and_then(|gate| gate.response_body_use(self.id));
        let is_held = match use_of_body {
            None => return Action::Continue,
            Some(BodyUse::Filter) => return self.filter(size, is_last),
            Some(BodyUse::Hold) => true,
            Some(BodyUse::Read) => false,
        };
        let start = if is_held {
            std::mem::replace(&mut self.handed, size)
        } else {
            0
        };
        for (bytes, is_end) in parts(start, size) {
            let mut gate = self.gate.borrow_mut();
            let returned = gate
                .as_mut()
                .and_then(|gate| gate.response_body(self.id, bytes.as_deref(), is_last && is_end));
            drop(gate);
            if let Some(returned) = returned {
                return self.settle(returned, size);
            }
        }
        if is_held {
            Action::Pause
        } else {
            Action::Continue
        }
    }

    /// Replaces a piece of the body.
    fn filter(&self, size: usize, is_last: bool) -> Action {
        let mut passed = Vec::new();
        for (bytes, is_end) in parts(0, size) {
            let mut gate = self.gate.borrow_mut();
            let (filtered, notices) = match gate.as_mut() {
                Some(gate) => (
                    gate.filter_piece(self.id, bytes.as_deref(), is_last && is_end),
                    gate.take_notices(),
                ),
                None => (None, Vec::new()),
            };
            drop(gate);
            effects::report(notices);
            match filtered {
                Some(bytes) => passed.extend(bytes),
                None => return break_off(),
            }
        }
        let is_same = size == 0 && passed.is_empty();
        if is_same || abi::replace(Buffer::ResponseBody, size, &passed) {
            Action::Continue
        } else {
            break_off()
        }
    }

    pub fn trailers(&mut self) -> Action {
        self.body(self.handed, true)
    }

    fn pass_headers(&self, headers: &Headers, origin: Option<Origin<'_>>) -> Action {
        let returned = self
            .gate
            .borrow_mut()
            .as_mut()
            .map(|gate| gate.response(self.id, headers, origin));
        match returned {
            Some(returned) => self.settle(returned, 0),
            None => Action::Continue,
        }
    }

    fn settle(&self, returned: Returned, held: usize) -> Action {
        let notices = self.gate.borrow_mut().as_mut().map(Gate::take_notices);
        effects::report(notices.unwrap_or_default());
        if take(returned, held) {
            Action::Continue
        } else {
            Action::Pause
        }
    }
}

/// Reads the body from `start` to `size` in parts, since the memory of a VM never shrinks. Returns at least one part, each
/// complete or `None`, and whether it is the last.
fn parts(start: usize, size: usize) -> impl Iterator<Item = (Option<Vec<u8>>, bool)> {
    let mut next = Some(start);
    std::iter::from_fn(move || {
        let start = next?;
        let part = size.saturating_sub(start).min(MAX_PART);
        let bytes = match part {
            0 => Some(Vec::new()),
            _ => abi::piece(Buffer::ResponseBody, start, part),
        };
        let end = start + part;
        next = (end < size).then_some(end);
        Some((bytes.filter(|bytes| bytes.len() == part), next.is_none()))
    })
}

/// Resets a stream whose response has begun: the host does this if it gets a local reply at that time.
fn break_off() -> Action {
    effects::refuse("entragate.internal");
    Action::Pause
}

/// Reports to the gate which cluster a request was sent to, if the gate needs it.
pub fn note_upstream(gate: &Shared, id: StreamId) {
    let wanted = gate.borrow().as_ref().and_then(|gate| {
        let needed = gate.needs_upstream(id);
        needed.then(|| gate.wanted())
    });
    let Some(wanted) = wanted else {
        return;
    };
    let cluster = wanted.read_cluster(&abi::property);
    if let Some(gate) = gate.borrow_mut().as_mut() {
        gate.note_upstream(id, cluster.as_deref());
    }
}

/// Executes a step for the response of the effective context; the host holds `held` bytes of its body. Returns
/// true if the response may continue.
pub fn take(returned: Returned, held: usize) -> bool {
    effects::mark(&returned.marks);
    let set = |edits: &[Edit]| {
        edits
            .iter()
            .all(|edit| abi::set_header(Map::Response, &edit.name, &edit.value))
    };
    let is_clean = returned
        .remove
        .iter()
        .all(|name| abi::remove_header(Map::Response, name))
        && set(&returned.set);
    match returned.step {
        Return::Hold if is_clean => false,
        Return::Pass if is_clean => true,
        Return::Rewrite { edits, body } if is_clean => {
            let is_done = set(&edits) && abi::replace(Buffer::ResponseBody, held, body.as_bytes());
            if !is_done {
                // A partially edited response must not be sent.
                effects::refuse("entragate.internal");
            }
            is_done
        }
        Return::Replace(reply) => {
            effects::answer(&reply);
            false
        }
        Return::Hold | Return::Pass | Return::Rewrite { .. } => {
            effects::refuse("entragate.internal");
            false
        }
    }
}
