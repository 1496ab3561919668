//! The HTTP context of one request: it removes credentials from the headers and executes the gate's rulings.

use super::abi::{self, Buffer};
use super::calls::SharedCalls;
use super::crypto::Signatures;
use super::effects::{self, Taken};
use super::kind::{Kind, kind};
use super::request::Unread;
use super::response::{self, Response};
use super::{Shared, meters, request, root};
use crate::gate::{CallId, Connection, Gate};
use crate::time::Timestamp;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::time::Duration;

/// The time without a tick after which no further tick is expected. Ticks come every 50 ms.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

pub struct Http {
    pub(super) id: u32,
    pub(super) gate: Shared,
    pub(super) calls: SharedCalls,
    pub(super) signatures: Signatures,
    /// The request's own call, for which it waits (nginx), with the host's token.
    pub(super) own_call: Option<(u32, CallId)>,
    /// The number of the request's own calls that failed.
    pub(super) own_failures: u32,
    /// The number of body bytes that were passed to the gate while the request is held.
    handed: usize,
    response: Response,
}

impl Http {
    pub fn new(id: u32, gate: Shared, calls: SharedCalls, signatures: Signatures) -> Self {
        Self {
            response: Response::new(id, gate.clone()),
            id,
            gate,
            calls,
            signatures,
            own_call: None,
            own_failures: 0,
            handed: 0,
        }
    }

    /// Whether ticks have stopped: an nginx worker that ends after a reload has no more ticks while its last
    /// requests are in progress.
    fn ticks_have_stopped(&self, now: Timestamp) -> bool {
        let ticked = self.calls.borrow().ticked;
        let is_overdue = ticked.is_some_and(|ticked| now.since(ticked) > LONGEST_SILENCE);
        kind() == Kind::Nginx && is_overdue
    }

    fn is_permitted(&self) -> bool {
        self.gate
            .borrow()
            .as_ref()
            .is_some_and(|gate| gate.is_permitted(self.id))
    }

    /// Passes the new part of the body to the gate, if the gate needs it.
    fn inspect(&mut self, size: usize, is_last: bool) -> Option<Action> {
        if !self.gate.borrow().as_ref()?.wants_body(self.id) {
            return None;
        }
        let piece = self.piece(size);
        let now = abi::now();
        let (ruling, notices) = self.gate.borrow_mut().as_mut().map(|gate| {
            let ruling = gate.body(self.id, piece.as_deref(), is_last, now, &self.signatures);
            (ruling, gate.take_notices())
        })?;
        effects::report(notices);
        match self.take(ruling?) {
            Taken::Forwarded => Some(Action::Continue),
            Taken::Ended | Taken::Waiting => Some(Action::Pause),
        }
    }

    /// Returns the new piece of the body if it is complete; otherwise `None`. While a request is held, the host's
    /// buffer grows and `size` is its total; otherwise the buffer contains only the piece.
    fn piece(&mut self, size: usize) -> Option<Vec<u8>> {
        let is_held = !self.is_permitted();
        if !is_held && self.handed > 0 {
            // The request was resumed by another context, so the buffer's content is unknown.
            return None;
        }
        let start = self.handed;
        let new = size.checked_sub(start)?;
        if is_held {
            self.handed = size;
        }
        match new {
            0 => Some(Vec::new()),
            _ => abi::piece(Buffer::RequestBody, start, new).filter(|piece| piece.len() == new),
        }
    }

    /// Reports to the gate how much of a pending request's body the host holds, and denies the request if that
    /// exceeds the limit.
    fn count_held(&self, size: usize) {
        let outcome = self
            .gate
            .borrow_mut()
            .as_mut()
            .map(|gate| (gate.body_held(self.id, size), gate.take_notices()));
        if let Some((ruling, notices)) = outcome {
            effects::report(notices);
            // The ruling is a denial; the request stays paused in any case.
            if let Some(ruling) = ruling {
                effects::take(ruling);
            }
        }
    }

    /// Pauses body and trailers until a permit. With `allow_on_headers_stop_iteration`, they would otherwise release
    /// the headers.
    fn pass(&self) -> Action {
        if self.is_permitted() {
            Action::Continue
        } else {
            Action::Pause
        }
    }
}

impl Http {
    fn begin(&mut self, announced: usize, is_all: bool, now: Timestamp) -> Action {
        let headers = match request::headers(announced, is_all) {
            Ok(headers) => headers,
            Err(Unread::TooMany) => return self.begin_unread(now),
            Err(Unread::Incomplete) => {
                effects::refuse("entragate.internal");
                return Action::Pause;
            }
        };
        #[cfg(feature = "test-hooks")]
        if let Some(action) = super::hooks::meet(&headers) {
            return action;
        }
        let stripped = self
            .gate
            .borrow()
            .as_ref()
            .map(|gate| gate.strip_credentials(&headers));
        if !effects::strip(&stripped.unwrap_or_default()) {
            effects::refuse("entragate.internal");
            return Action::Pause;
        }
        let connection = self.connection();
        let ruling = self.gate.borrow_mut().as_mut().map(|gate| {
            (
                gate.begin(self.id, headers, connection, now, &self.signatures),
                gate.take_notices(),
            )
        });
        let Some((ruling, notices)) = ruling else {
            effects::refuse("entragate.internal");
            return Action::Pause;
        };
        effects::report(notices);
        root::note_received(&self.gate, self.id);
        match self.take(ruling) {
            Taken::Forwarded => Action::Continue,
            Taken::Ended | Taken::Waiting => Action::Pause,
        }
    }

    fn connection(&self) -> Connection {
        let wanted = self.gate.borrow().as_ref().map(Gate::wanted);
        let read = wanted.map(|wanted| wanted.read(&abi::property));
        read.unwrap_or_default()
    }

    /// Denies a request with more header fields than this host can deliver.
    fn begin_unread(&mut self, now: Timestamp) -> Action {
        let brief = request::brief();
        let connection = self.connection();
        let refused = self.gate.borrow_mut().as_mut().map(|gate| {
            let ruling = gate.begin_unread(self.id, &brief, &connection, now);
            (ruling, gate.take_notices())
        });
        match refused {
            Some((ruling, notices)) => {
                effects::report(notices);
                effects::take(ruling);
            }
            None => effects::refuse("entragate.internal"),
        }
        Action::Pause
    }
}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, announced: usize, is_all: bool) -> Action {
        let (now, began) = abi::clock();
        let action = self.begin(announced, is_all, now);
        if meters::measures_next() {
            let (_, ended) = abi::clock();
            meters::note_own_time(ended.saturating_sub(began));
        }
        action
    }

    fn on_http_request_body(&mut self, size: usize, is_last: bool) -> Action {
        self.inspect(size, is_last).unwrap_or_else(|| {
            let action = self.pass();
            if action == Action::Pause {
                self.count_held(size);
            }
            action
        })
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        let nothing_new = self.handed;
        self.inspect(nothing_new, true)
            .unwrap_or_else(|| self.pass())
    }

    fn on_http_response_headers(&mut self, _: usize, is_all: bool) -> Action {
        self.response.headers(is_all)
    }

    fn on_http_response_body(&mut self, size: usize, is_last: bool) -> Action {
        self.response.body(size, is_last)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.response.trailers()
    }

    fn on_log(&mut self) {
        response::note_upstream(&self.gate, self.id);
        let needed = |gate: &Gate| gate.needs_status(self.id);
        let needed = self.gate.borrow().as_ref().is_some_and(needed);
        let status = needed.then(request::answered_status).flatten();
        let now = abi::now();
        let is_stopped = self.ticks_have_stopped(now);
        let finished = self.gate.borrow_mut().as_mut().map(|gate| {
            let marks = gate.finish(self.id, status, now);
            if is_stopped {
                gate.export_to_log();
            }
            (marks, gate.take_notices())
        });
        let (marks, notices) = finished.unwrap_or_default();
        effects::mark(&marks);
        effects::report(notices);
        if is_stopped {
            meters::flush();
        }
    }
}

impl Context for Http {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _: usize) {
        self.own_call_ended(token, headers, body);
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        root::forget(&self.gate, self.id);
    }
}
