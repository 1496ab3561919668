//! Body inspection: requests whose decision needs the model or the JSON-RPC messages in the body. The host holds the
//! whole request until the decision; this module keeps the verified caller and the scanner's state.
//!
//! A host that delivers no body before the headers have gone upstream (Envoy without
//! `allow_on_headers_stop_iteration`) would leave such a request hanging. Until this host has
//! delivered a body once, the first piece of each body is therefore due within `wait.timeout`. If the
//! host received body bytes by then without delivering any, or does not report its byte count, rules
//! that need the body deny the request. If the byte count proves that the host withholds bodies,
//! later requests are denied immediately. If no bytes arrived, the caller is only slow.
//!
//! The whole body is due within `limits.inspection_timeout` of the request's headers. The number and
//! total size of held bodies are limited ([`body_limits`](super::body_limits)).

use crate::decision::BodyUnavailable;
use crate::decision::Denial;
use crate::gate::request::authorizer::Outcome;
use crate::gate::request::pending::Resume;
use crate::gate::request::ruling;
use crate::gate::{Exchange, Gate, Notice, Ruling, StreamId, WaitBudget};
use crate::metrics;
use crate::model::body::{Body, Content};
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Inspections {
    open: BTreeMap<StreamId, Inspection>,
    /// The host has delivered a body while it held the headers.
    proven: bool,
    /// The host is known to withhold bodies.
    withheld: bool,
    /// The missing flag has been logged.
    warned: bool,
    /// The host appears to withhold the bodies of held responses.
    responses_withheld: bool,
}

/// The number of bytes of a request that the host has received.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    with_headers: u64,
    by_now: u64,
}

#[derive(Debug)]
pub struct Inspection {
    state: Resume,
    first_piece_by: Timestamp,
    /// The time at which the whole body is due.
    deadline: Timestamp,
}

impl Inspections {
    /// Returns the initial state of a new request's body: unavailable if the host withholds bodies.
    pub fn expected_body(&self) -> Body {
        if self.withheld && !self.proven {
            Body::Read(Content::unavailable(BodyUnavailable::Withheld))
        } else {
            Body::default()
        }
    }

    /// Notes that the host withholds bodies.
    pub fn expect_none(&mut self) {
        self.withheld = true;
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn holds(&self, id: StreamId) -> bool {
        self.open.contains_key(&id)
    }

    pub fn leave(&mut self, id: StreamId) -> Option<Inspection> {
        self.open.remove(&id)
    }

    /// Notes that the host has delivered a body while it held the headers.
    pub fn note_delivery(&mut self) {
        self.proven = true;
    }

    /// Whether the host has delivered a body while it held the headers.
    pub fn are_delivered(&self) -> bool {
        self.proven
    }

    /// Notes that the first piece of a held response is overdue. Returns true the first time.
    pub fn doubt_responses(&mut self) -> bool {
        !std::mem::replace(&mut self.responses_withheld, true)
    }

    pub fn withholds_responses(&self) -> bool {
        (self.responses_withheld || self.withheld) && !self.proven
    }

    /// Returns the requests whose first piece or whole body is overdue.
    pub fn overdue(&self, now: Timestamp) -> Vec<StreamId> {
        let overdue = |inspection: &Inspection| {
            now >= inspection.deadline || (!self.proven && now >= inspection.first_piece_by)
        };
        self.open
            .iter()
            .filter(|(_, inspection)| overdue(inspection))
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Gate {
    pub(in crate::gate) fn begin_inspection(
        &mut self,
        id: StreamId,
        state: Resume,
        now: Timestamp,
    ) {
        let started = self.exchanges.get(&id).map_or(now, |own| own.started);
        let inspection = Inspection {
            state,
            first_piece_by: now.plus(self.config.wait.timeout),
            deadline: started.plus(self.config.limits.inspection_timeout),
        };
        self.inspections.open.insert(id, inspection);
    }

    /// Whether the body of a request must be passed to [`Gate::body`].
    pub fn wants_body(&self, id: StreamId) -> bool {
        self.exchanges
            .get(&id)
            .is_some_and(|exchange| exchange.body.is_coming())
    }

    /// Whether [`Gate::note_received`] needs the host's byte counter, which distinguishes a slow caller
    /// from a host that withholds the body.
    pub fn doubts_body(&self, id: StreamId) -> bool {
        !self.inspections.proven && self.wants_body(id)
    }

    /// Notes how many bytes of a request the host has received. Must be called with the headers, and again before
    /// [`Gate::resume`].
    pub fn note_received(&mut self, id: StreamId, bytes: u64) {
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            let with_headers = exchange.received.map_or(bytes, |known| known.with_headers);
            exchange.received = Some(Received {
                with_headers,
                by_now: bytes,
            });
        }
    }

    /// Takes the next piece of a request's body; `None` if the host could not read it. Returns a ruling
    /// as soon as the decision can be made. The body of a permitted request is read only for shadow rules.
    pub fn body(
        &mut self,
        id: StreamId,
        piece: Option<&[u8]>,
        is_last: bool,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Option<Ruling> {
        let exchange = self.exchanges.get_mut(&id)?;
        self.inspections.proven |= !exchange.permitted;
        let is_held = self.inspections.holds(id) || self.waiting.get(id).is_some();
        // While the host holds a body that is also collected, the body is in memory twice.
        let copies = usize::from(is_held) + usize::from(exchange.body.is_collected());
        let bytes = piece.map_or(0, <[u8]>::len).saturating_mul(copies);
        let grown = self.bodies.grow(id, bytes);
        if let (true, Err(limit)) = (is_held, grown) {
            return self.refuse_held(id, limit);
        }
        let is_read = match piece {
            Some(piece) if grown.is_ok() => exchange.body.feed(piece, is_last),
            _ => exchange.body.give_up(BodyUnavailable::Withheld),
        };
        if !is_read {
            return None;
        }
        if let Some(mut signed) = exchange.observed.take() {
            signed.request.note_content(exchange.body.content());
            self.bodies.release_request(id);
            self.authorizer(id, now, WaitBudget::Expired, signatures)?
                .observe(&signed);
            return None;
        }
        // A request without an inspection waits for keys; it is decided with the body when they arrive.
        let inspection = self.inspections.leave(id)?;
        let outcome = self.authorize(id, inspection.state, now, signatures);
        Some(self.rule(id, outcome))
    }

    /// Ends the inspection of a request whose body is overdue. If the whole body is overdue, the request
    /// is denied. If the host withholds the body, the request is decided without it, so rules that need
    /// it deny. A slow caller gets more time, until the deadline.
    pub(in crate::gate) fn give_up_inspection(
        &mut self,
        id: StreamId,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Option<Outcome> {
        let inspections = &mut self.inspections;
        let inspection = inspections.open.get_mut(&id)?;
        if now >= inspection.deadline {
            inspections.leave(id);
            self.forget_body(id);
            self.notices
                .push(Notice::Count(metrics::HELD_TOO_LONG.into()));
            let limit = self.config.limits.inspection_timeout;
            return Some(Outcome::Deny(Denial::BodyTimeout { limit }));
        }
        if inspections.proven || now < inspection.first_piece_by {
            return None;
        }
        let exchange = self.exchanges.get_mut(&id)?;
        let bytes_came = exchange
            .received
            .map(|received| received.by_now > received.with_headers);
        if bytes_came == Some(false) {
            inspection.first_piece_by = now.plus(self.config.wait.timeout);
            return None;
        }
        inspections.withheld |= bytes_came == Some(true);
        let inspection = inspections.leave(id)?;
        exchange.body.give_up(BodyUnavailable::Withheld);
        if !std::mem::replace(&mut inspections.warned, true) {
            let text = "a rule needs the request body, but the host delivered no body within wait.timeout; on Envoy, \
                        set allow_on_headers_stop_iteration: true next to this filter's vm_config. Until then, these \
                        requests are denied";
            self.notices
                .push(Notice::Log(log::Level::Error, text.to_owned()));
        }
        Some(self.authorize(id, inspection.state, now, signatures))
    }

    /// Records that the host rejected the body because it exceeds the host's buffer limit.
    pub(in crate::gate) fn note_host_limit(&mut self, exchange: &mut Exchange) {
        let limit = self.config.limits.body_inspected;
        exchange.record.deny(&Denial::BodyTooLarge { limit });
        self.notices.push(ruling::count(&exchange.record));
    }
}
