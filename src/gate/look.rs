//! A look at a request: it is judged, and gets a place to wait where it can't be decided yet.

use super::judge::{Judge, Judgement, Patience, Signed};
use super::waiting::Asked;
use super::{Gate, Notice, StreamId};
use crate::decision::Denial;
use crate::metrics;
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;

impl Gate {
    /// Looks at a request that has not waited yet.
    pub(super) fn look(
        &mut self,
        id: StreamId,
        asked: Asked,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Judgement {
        let deadline = now.plus(self.config.wait.timeout);
        let patience = match self.waiting.is_full() {
            true => Patience::RoomIsFull,
            false => Patience::Until(deadline),
        };
        let judgement = self.judge(id, asked, (now, patience, deadline), signatures);
        if let Judgement::Wait { .. } = judgement {
            self.notices.push(Notice::Count(metrics::WAITED.into()));
        }
        judgement
    }

    /// Looks again at a request that has waited until `deadline` at most.
    pub(super) fn look_again(
        &mut self,
        id: StreamId,
        asked: Asked,
        deadline: Timestamp,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Judgement {
        let patience = match now < deadline {
            true => Patience::Until(deadline),
            false => Patience::TimeIsUp,
        };
        self.judge(id, asked, (now, patience, deadline), signatures)
    }

    /// Judges a request, and gives it its place to wait if it can't be decided yet.
    fn judge(
        &mut self,
        id: StreamId,
        asked: Asked,
        (now, patience, deadline): (Timestamp, Patience, Timestamp),
        signatures: &dyn SignatureCheck,
    ) -> Judgement {
        let Some(mut judge) = self.judge_of(id, now, patience, signatures) else {
            return Judgement::Deny(Denial::Internal("a request that never began"));
        };
        let (judgement, headers) = match asked {
            Asked::Anyone(headers) => (judge.judge(&headers), Some(headers)),
            Asked::Caller(signed) => (judge.judge_signed(*signed), None),
        };
        self.call_for_credentials(now);
        // Who is known by now is not asked for the token again.
        let asked = |signed: Option<Box<Signed>>| {
            let anyone = headers.map(Asked::Anyone);
            signed.map(Asked::Caller).or(anyone)
        };
        match judgement {
            Judgement::Wait { awaited, signed } => match asked(signed) {
                Some(asked) => {
                    self.waiting.enter(id, awaited, deadline, asked);
                    let signed = None;
                    Judgement::Wait { awaited, signed }
                }
                None => Judgement::Deny(Denial::Internal("nobody to wait")),
            },
            Judgement::Inspect(signed) => match (asked(signed), self.deny_without_room(id)) {
                (_, Some(denial)) => Judgement::Deny(denial),
                (Some(asked), None) => {
                    self.begin_inspection(id, asked, now);
                    Judgement::Inspect(None)
                }
                (None, None) => Judgement::Deny(Denial::Internal("nobody to inspect")),
            },
            Judgement::Metadata(_) | Judgement::Permit { .. } | Judgement::Deny(_) => judgement,
        }
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
            revocation: self.revocation.as_ref(),
            wallet: &mut self.wallet,
            lookups: &mut self.lookups,
            cache: &mut self.cache,
            record: &mut exchange.record,
            notices: &mut self.notices,
            body: &mut exchange.body,
            cluster: &exchange.cluster,
            observed: &mut exchange.observed,
            view: &mut exchange.response.view,
            lists_withheld: self.inspections.withholds_responses(),
            keeps_repeated_headers: self.host.keeps_repeated_headers,
            calls: &mut self.calls,
            surroundings: exchange.surroundings.at(now),
            trace: self.trace.as_mut(),
            patience,
            signatures,
        })
    }
}
