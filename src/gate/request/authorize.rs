//! Authorization of a request: it is decided, or parked if it can't be decided yet.

use crate::decision::Denial;
use crate::gate::request::authorizer::{Authorizer, Outcome, Signed, WaitBudget};
use crate::gate::request::pending::Resume;
use crate::gate::{Gate, Notice, StreamId};
use crate::metrics;
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;

impl Gate {
    /// Authorizes a request that has not waited yet.
    pub(in crate::gate) fn authorize(
        &mut self,
        id: StreamId,
        state: Resume,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Outcome {
        let deadline = now.plus(self.config.wait.timeout);
        let budget = if self.waiting.is_full() {
            WaitBudget::NoCapacity
        } else {
            WaitBudget::Until(deadline)
        };
        let outcome = self.decide_or_park(id, state, (now, budget, deadline), signatures);
        if let Outcome::Wait { .. } = outcome {
            self.notices.push(Notice::Count(metrics::WAITED.into()));
        }
        outcome
    }

    /// Authorizes a request that has waited; it may wait until `deadline`.
    pub(in crate::gate) fn authorize_again(
        &mut self,
        id: StreamId,
        state: Resume,
        deadline: Timestamp,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Outcome {
        let budget = if now < deadline {
            WaitBudget::Until(deadline)
        } else {
            WaitBudget::Expired
        };
        self.decide_or_park(id, state, (now, budget, deadline), signatures)
    }

    /// Decides a request, and parks it if it can't be decided yet.
    fn decide_or_park(
        &mut self,
        id: StreamId,
        state: Resume,
        (now, budget, deadline): (Timestamp, WaitBudget, Timestamp),
        signatures: &dyn SignatureCheck,
    ) -> Outcome {
        let Some(mut authorizer) = self.authorizer(id, now, budget, signatures) else {
            return Outcome::Deny(Denial::Internal("the request has no exchange"));
        };
        let (outcome, headers) = match state {
            Resume::Headers(headers) => (authorizer.authorize(&headers), Some(headers)),
            Resume::Signed(signed) => (authorizer.authorize_signed(*signed), None),
        };
        self.call_for_credentials(now);
        // A token that was already verified is not verified again.
        let state = |signed: Option<Box<Signed>>| {
            let from_start = headers.map(Resume::Headers);
            signed.map(Resume::Signed).or(from_start)
        };
        match outcome {
            Outcome::Wait { dependency, signed } => match state(signed) {
                Some(state) => {
                    self.waiting.enter(id, dependency, deadline, state);
                    let signed = None;
                    Outcome::Wait { dependency, signed }
                }
                None => Outcome::Deny(Denial::Internal("a pending request has no state")),
            },
            Outcome::Inspect(signed) => match (state(signed), self.deny_without_room(id)) {
                (_, Some(denial)) => Outcome::Deny(denial),
                (Some(state), None) => {
                    self.begin_inspection(id, state, now);
                    Outcome::Inspect(None)
                }
                (None, None) => {
                    Outcome::Deny(Denial::Internal("an inspected request has no state"))
                }
            },
            Outcome::Metadata(_) | Outcome::Permit { .. } | Outcome::Deny(_) => outcome,
        }
    }

    pub(in crate::gate) fn authorizer<'g>(
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
            revocation: &self.revocation,
            credential_store: &mut self.credential_store,
            lookups: &mut self.lookups,
            cache: &mut self.cache,
            record: &mut exchange.record,
            notices: &mut self.notices,
            reply_context: &mut exchange.reply_context,
            body: &mut exchange.body,
            cluster: &exchange.cluster,
            observed: &mut exchange.observed,
            session: &mut exchange.session,
            view: &mut exchange.response.view,
            lists_withheld: self.inspections.withholds_responses(),
            responses_withheld: self.host.withholds_responses,
            keeps_repeated_headers: self.host.keeps_repeated_headers,
            calls: &mut self.calls,
            context: exchange.context.at(now),
            trace: self.trace.as_mut(),
            budget,
            signatures,
        })
    }
}
