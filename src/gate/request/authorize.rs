//! A look at a request: it is judged, and gets a place to wait where it can't be decided yet.

use crate::decision::Denial;
use crate::gate::request::authorizer::{Authorizer, Outcome, Signed, WaitBudget};
use crate::gate::request::pending::Resume;
use crate::gate::{Gate, Notice, StreamId};
use crate::metrics;
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;

impl Gate {
    /// Looks at a request that has not waited yet.
    pub(in crate::gate) fn look(
        &mut self,
        id: StreamId,
        asked: Resume,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Outcome {
        let deadline = now.plus(self.config.wait.timeout);
        let budget = match self.waiting.is_full() {
            true => WaitBudget::RoomIsFull,
            false => WaitBudget::Until(deadline),
        };
        let outcome = self.judge(id, asked, (now, budget, deadline), signatures);
        if let Outcome::Wait { .. } = outcome {
            self.notices.push(Notice::Count(metrics::WAITED.into()));
        }
        outcome
    }

    /// Looks again at a request that has waited until `deadline` at most.
    pub(in crate::gate) fn look_again(
        &mut self,
        id: StreamId,
        asked: Resume,
        deadline: Timestamp,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Outcome {
        let budget = match now < deadline {
            true => WaitBudget::Until(deadline),
            false => WaitBudget::TimeIsUp,
        };
        self.judge(id, asked, (now, budget, deadline), signatures)
    }

    /// Judges a request, and gives it its place to wait if it can't be decided yet.
    fn judge(
        &mut self,
        id: StreamId,
        asked: Resume,
        (now, budget, deadline): (Timestamp, WaitBudget, Timestamp),
        signatures: &dyn SignatureCheck,
    ) -> Outcome {
        let Some(mut judge) = self.judge_of(id, now, budget, signatures) else {
            return Outcome::Deny(Denial::Internal("a request that never began"));
        };
        let (outcome, headers) = match asked {
            Resume::Anyone(headers) => (judge.judge(&headers), Some(headers)),
            Resume::Caller(signed) => (judge.judge_signed(*signed), None),
        };
        self.call_for_credentials(now);
        // Who is known by now is not asked for the token again.
        let asked = |signed: Option<Box<Signed>>| {
            let anyone = headers.map(Resume::Anyone);
            signed.map(Resume::Caller).or(anyone)
        };
        match outcome {
            Outcome::Wait { dependency, signed } => match asked(signed) {
                Some(asked) => {
                    self.waiting.enter(id, dependency, deadline, asked);
                    let signed = None;
                    Outcome::Wait { dependency, signed }
                }
                None => Outcome::Deny(Denial::Internal("nobody to wait")),
            },
            Outcome::Inspect(signed) => match (asked(signed), self.deny_without_room(id)) {
                (_, Some(denial)) => Outcome::Deny(denial),
                (Some(asked), None) => {
                    self.begin_inspection(id, asked, now);
                    Outcome::Inspect(None)
                }
                (None, None) => Outcome::Deny(Denial::Internal("nobody to inspect")),
            },
            Outcome::Metadata(_) | Outcome::Permit { .. } | Outcome::Deny(_) => outcome,
        }
    }

    pub(in crate::gate) fn judge_of<'g>(
        &'g mut self,
        id: StreamId,
        now: Timestamp,
        budget: WaitBudget,
        signatures: &'g dyn SignatureCheck,
    ) -> Option<Authorizer<'g>> {
        let exchange = self.exchanges.get_mut(&id)?;
        Some(Authorizer {
            config: &self.config,
            issuer_keys: &mut self.issuer_keys,
            revocation: self.revocation.as_ref(),
            credential_store: &mut self.credential_store,
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
            budget,
            signatures,
        })
    }
}
