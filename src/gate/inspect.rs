//! Requests whose decision needs the model, and whose body is read for it. The host holds all of the
//! request meanwhile; here are what is known of the caller, and the scanner's few bytes.
//!
//! A host that does not hand out the body before the headers have gone (Envoy without
//! `allow_on_headers_stop_iteration`) would leave such a request hanging. So until a body has come
//! from this host once, the first piece of each is due within `wait.timeout`; after that a slow
//! caller is only slow, and the host's own idle timeouts end it.

use super::judge::{Judgement, Signed};
use super::{Exchange, Gate, Notice, Patience, Ruling, StreamId};
use crate::decision::Denial;
use crate::metrics;
use crate::model::Lack;
use crate::request::Headers;
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Inspections {
    open: BTreeMap<StreamId, Inspection>,
    /// The host has handed out a body while it held the headers.
    proven: bool,
    /// The operator has been told of the missing flag.
    warned: bool,
}

#[derive(Debug)]
pub struct Inspection {
    asked: Asked,
    first_piece_by: Timestamp,
}

/// Who is judged once the model is known.
#[derive(Debug)]
enum Asked {
    /// Whoever it is: an anonymous rule may permit.
    Anyone(Headers),
    Caller(Box<Signed>),
}

impl Inspections {
    pub fn enter(
        &mut self,
        id: StreamId,
        signed: Option<Box<Signed>>,
        headers: Headers,
        first_piece_by: Timestamp,
    ) {
        let asked = match signed {
            Some(signed) => Asked::Caller(signed),
            None => Asked::Anyone(headers),
        };
        let inspection = Inspection {
            asked,
            first_piece_by,
        };
        self.open.insert(id, inspection);
    }

    pub fn leave(&mut self, id: StreamId) -> Option<Inspection> {
        self.open.remove(&id)
    }

    /// Those whose first piece is overdue.
    pub fn overdue(&self, now: Timestamp) -> Vec<StreamId> {
        let overdue = |inspection: &Inspection| !self.proven && now >= inspection.first_piece_by;
        self.open
            .iter()
            .filter(|(_, inspection)| overdue(inspection))
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Gate {
    /// Whether the body of a request is to be handed to [`Gate::body`].
    pub fn wants_body(&self, id: StreamId) -> bool {
        self.exchanges
            .get(&id)
            .is_some_and(|exchange| exchange.body.is_coming())
    }

    /// The next piece of a request's body; `None` where the host could not read it. Rules as soon as
    /// the decision can be made.
    pub fn body(
        &mut self,
        id: StreamId,
        piece: Option<&[u8]>,
        is_last: bool,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Option<Ruling> {
        let exchange = self.exchanges.get_mut(&id)?;
        self.inspections.proven = true;
        let is_read = match piece {
            Some(piece) => exchange.body.feed(piece, is_last),
            None => exchange.body.give_up(Lack::Withheld),
        };
        if !is_read {
            return None;
        }
        let model = exchange.body.model();
        // Who is not here waits for keys, and will be judged with the model when they have come.
        let judgement = match self.inspections.leave(id)?.asked {
            Asked::Anyone(headers) => self.look(id, headers, now, signatures),
            Asked::Caller(mut signed) => {
                signed.request.model = model;
                self.judge(id, now, Patience::TimeIsUp, signatures, |judge| {
                    let judgement = judge.conclude(*signed);
                    (judgement.unwrap_or_else(Judgement::Deny), None)
                })
            }
        };
        Some(self.rule(id, judgement))
    }

    /// Denies a request whose body the host keeps back.
    pub(super) fn give_up_inspection(&mut self, id: StreamId, now: Timestamp) -> Option<Judgement> {
        if !self.inspections.overdue(now).contains(&id) {
            return None;
        }
        self.inspections.leave(id);
        if !std::mem::replace(&mut self.inspections.warned, true) {
            let text = "a rule needs the model that the body names, but the host handed out no \
                        body within wait.timeout: on Envoy set allow_on_headers_stop_iteration: \
                        true beside this filter's vm_config; until then such requests are denied";
            self.notices
                .push(Notice::Log(log::Level::Error, text.to_owned()));
        }
        Some(Judgement::Deny(Lack::Withheld.denial()))
    }

    /// The host has refused the body itself, since it may not hold that much of it.
    pub(super) fn note_host_limit(&mut self, exchange: &mut Exchange) {
        let limit = self.config.limits.body_inspected;
        exchange.record.deny(&Denial::BodyTooLarge { limit });
        let count = metrics::decision(exchange.record.code);
        self.notices.push(Notice::Count(count));
    }
}
