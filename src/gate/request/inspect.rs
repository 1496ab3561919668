//! Requests whose decision needs the model, and whose body is read for it. The host holds all of the
//! request meanwhile; here are what is known of the caller, and the scanner's few bytes.
//!
//! A host that does not hand out the body before the headers have gone (Envoy without
//! `allow_on_headers_stop_iteration`) would leave such a request hanging. So until a body has come
//! from this host once, the first piece of each is due within `wait.timeout`. If bytes of the
//! request have come by then and we were handed none, or if the host does not tell, the rules that
//! need the model deny; where the bytes prove it, they deny all that follow at once. If no bytes
//! have come the caller is only slow.
//!
//! The whole body is due within `limits.inspection_timeout` of the request's headers, and the number
//! and bytes of bodies that are held at once are limited ([`body_limits`](super::body_limits)).

use crate::decision::Denial;
use crate::gate::request::authorizer::Outcome;
use crate::gate::request::pending::Resume;
use crate::gate::{Exchange, Gate, Notice, Ruling, StreamId, WaitBudget};
use crate::metrics;
use crate::model::body::Body;
use crate::model::{Model, ModelUnavailable};
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Inspections {
    open: BTreeMap<StreamId, Inspection>,
    /// The host has handed out a body while it held the headers.
    proven: bool,
    /// The host has received a body and kept it back.
    withheld: bool,
    /// The operator has been told of the missing flag.
    warned: bool,
    /// The host has held a response and kept its body back, as far as can be told.
    responses_withheld: bool,
}

/// How many bytes of a request the host has received.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    with_headers: u64,
    by_now: u64,
}

#[derive(Debug)]
pub struct Inspection {
    asked: Resume,
    first_piece_by: Timestamp,
    /// When the whole body is due.
    deadline: Timestamp,
}

impl Inspections {
    /// What a new request's body is to us: where the host is known to keep it back, nothing.
    pub fn expected_body(&self) -> Body {
        match self.withheld && !self.proven {
            true => Body::Read(Model::Unavailable(ModelUnavailable::Withheld)),
            false => Body::default(),
        }
    }

    /// The host is known to keep bodies back.
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

    /// The host has handed out a body while it held the headers.
    pub fn hands_out_bodies(&mut self) {
        self.proven = true;
    }

    pub fn are_handed_out(&self) -> bool {
        self.proven
    }

    /// The first piece of a held response is overdue. True when this is news.
    pub fn doubt_responses(&mut self) -> bool {
        !std::mem::replace(&mut self.responses_withheld, true)
    }

    pub fn withholds_responses(&self) -> bool {
        (self.responses_withheld || self.withheld) && !self.proven
    }

    /// Requests whose first piece or whose whole body is overdue.
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
        asked: Resume,
        now: Timestamp,
    ) {
        let started = self.exchanges.get(&id).map_or(now, |own| own.started);
        let inspection = Inspection {
            asked,
            first_piece_by: now.plus(self.config.wait.timeout),
            deadline: started.plus(self.config.limits.inspection_timeout),
        };
        self.inspections.open.insert(id, inspection);
    }

    /// Whether the body of a request is to be handed to [`Gate::body`].
    pub fn wants_body(&self, id: StreamId) -> bool {
        self.exchanges
            .get(&id)
            .is_some_and(|exchange| exchange.body.is_coming())
    }

    /// Whether [`Gate::note_received`] is worth a look at the host's counters: they tell a slow
    /// caller from a host that keeps the body back.
    pub fn doubts_body(&self, id: StreamId) -> bool {
        !self.inspections.proven && self.wants_body(id)
    }

    /// How many bytes of a request the host has received: told with its headers, and again before
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

    /// The next piece of a request's body; `None` where the host could not read it. Rules as soon as
    /// the decision can be made. A request permitted before is observed only.
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
        let is_held = self.inspections.holds(id) || self.waiting.guest(id).is_some();
        if is_held && let Err(limit) = self.bodies.grow(id, piece.map_or(0, <[u8]>::len)) {
            return self.refuse_held(id, limit);
        }
        let is_read = match piece {
            Some(piece) => exchange.body.feed(piece, is_last),
            None => exchange.body.give_up(ModelUnavailable::Withheld),
        };
        if !is_read {
            return None;
        }
        if let Some(mut signed) = exchange.observed.take() {
            signed.request.model = exchange.body.model();
            self.judge_of(id, now, WaitBudget::TimeIsUp, signatures)?
                .observe(&signed);
            return None;
        }
        // Who is not here waits for keys, and will be judged with the model when they have come.
        let inspection = self.inspections.leave(id)?;
        let outcome = self.look(id, inspection.asked, now, signatures);
        Some(self.rule(id, outcome))
    }

    /// Denies a request whose body is overdue. Decides without a body that the host keeps back, which
    /// denies where a rule needs it; gives a slow caller more time until its deadline.
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
        exchange.body.give_up(ModelUnavailable::Withheld);
        if !std::mem::replace(&mut inspections.warned, true) {
            let text = "a rule needs the model that the body names, but the host handed out no \
                        body within wait.timeout: on Envoy set allow_on_headers_stop_iteration: \
                        true beside this filter's vm_config; until then such requests are denied";
            self.notices
                .push(Notice::Log(log::Level::Error, text.to_owned()));
        }
        Some(self.look(id, inspection.asked, now, signatures))
    }

    /// The host has refused the body itself, since it may not hold that much of it.
    pub(in crate::gate) fn note_host_limit(&mut self, exchange: &mut Exchange) {
        let limit = self.config.limits.body_inspected;
        exchange.record.deny(&Denial::BodyTooLarge { limit });
        self.notices.push(crate::gate::count(&exchange.record));
    }
}
