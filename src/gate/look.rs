//! A look at a request: it is judged, and gets a place to wait where it can't be decided yet.

use super::judge::{Judge, Judgement, Needed, Patience};
use super::{Gate, Notice, StreamId};
use crate::decision::Denial;
use crate::metrics;
use crate::request::Headers;
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;

impl Gate {
    /// Looks at a request that has not waited yet.
    pub(super) fn look(
        &mut self,
        id: StreamId,
        headers: Headers,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Judgement {
        let deadline = now.plus(self.config.wait.timeout);
        let patience = match self.waiting.is_full() {
            true => Patience::RoomIsFull,
            false => Patience::Until(deadline),
        };
        let judgement = self.judge(id, now, patience, signatures, |judge| judge.judge(&headers));
        if let Judgement::Wait { .. } = judgement {
            self.notices.push(Notice::Count(metrics::WAITED.to_owned()));
        }
        self.seat(id, headers, now, deadline, judgement)
    }

    /// Gives a request that can't be decided yet its place to wait.
    pub(super) fn seat(
        &mut self,
        id: StreamId,
        headers: Headers,
        now: Timestamp,
        deadline: Timestamp,
        judgement: Judgement,
    ) -> Judgement {
        match judgement {
            Judgement::Wait { ring } => self.waiting.enter(id, ring, deadline, headers),
            Judgement::Inspect(signed) => {
                let first_piece_by = now.plus(self.config.wait.timeout);
                self.inspections.enter(id, signed, headers, first_piece_by);
                return Judgement::Inspect(None);
            }
            Judgement::Metadata(_) | Judgement::Permit { .. } | Judgement::Deny(_) => {}
        }
        judgement
    }

    pub(super) fn judge(
        &mut self,
        id: StreamId,
        now: Timestamp,
        patience: Patience,
        signatures: &dyn SignatureCheck,
        judge: impl FnOnce(&mut Judge<'_>) -> (Judgement, Needed),
    ) -> Judgement {
        let Some(mut judge_of_it) = self.judge_of(id, now, patience, signatures) else {
            return Judgement::Deny(Denial::Internal("a request that never began"));
        };
        let (judgement, fetch) = judge(&mut judge_of_it);
        if let Some((ring, fetch)) = fetch {
            self.call(ring, fetch);
        }
        judgement
    }

    pub(super) fn judge_of<'g>(
        &'g mut self,
        id: StreamId,
        now: Timestamp,
        patience: Patience,
        signatures: &'g dyn SignatureCheck,
    ) -> Option<Judge<'g>> {
        let exchange = self.exchanges.get_mut(&id)?;
        Some(Judge {
            config: &self.config,
            rings: &mut self.rings,
            cache: &mut self.cache,
            record: &mut exchange.record,
            notices: &mut self.notices,
            body: &mut exchange.body,
            observed: &mut exchange.observed,
            surroundings: exchange.surroundings.at(now),
            trace: self.trace.as_mut(),
            patience,
            signatures,
        })
    }
}
