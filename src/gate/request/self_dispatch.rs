//! Support for hosts on which a request resumes only when its own callout ends (nginx). Each pending
//! request makes a copy of the call that it waits for, and is decided again when the copy ends.

use crate::fetch::callout::Answer;
use crate::gate::request::pending::Dependency;
use crate::gate::{CallId, Gate, Ruling, StreamId};
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;
use std::time::Duration;

impl Gate {
    /// Returns how much longer a request waits for the answer to a call. `None`: it does not depend on
    /// the call, or its deadline has passed.
    pub fn waits_for(&self, id: StreamId, call_id: CallId, now: Timestamp) -> Option<Duration> {
        let (dependency, deadline) = self.waiting.get(id)?;
        let serves = match (dependency, call_id) {
            (Dependency::Keys(wanted), CallId::Keys { ring, .. }) => ring == wanted,
            (Dependency::Revocation, CallId::Revocation(_) | CallId::Directory { .. }) => true,
            (Dependency::Credential(wanted), CallId::Credential(credential_call)) => {
                credential_call.coming() == wanted
            }
            (
                Dependency::Groups { issuer, id },
                CallId::Groups {
                    issuer: at, id: of, ..
                },
            ) => (issuer, id) == (at, of),
            // These calls may first need a service token.
            (
                Dependency::Revocation | Dependency::Credential(_) | Dependency::Groups { .. },
                CallId::ServiceToken { .. },
            ) => true,
            _ => false,
        };
        (serves && now < deadline).then(|| deadline.since(now))
    }

    /// Takes the answer to a copy of a call. A failed copy is ignored, since the call itself may still
    /// succeed.
    pub fn copy_answered(&mut self, call_id: CallId, answer: Answer, now: Timestamp) {
        if answer.is_good() {
            self.answered(call_id, answer, now);
        }
    }

    /// Decides a pending request with the data that is available now. `None`: the request has ended or was already
    /// decided.
    pub fn give_up(
        &mut self,
        id: StreamId,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Option<Ruling> {
        let (state, _) = self.waiting.leave(id)?;
        let outcome = self.authorize_again(id, state, now, now, signatures);
        Some(self.rule(id, outcome))
    }
}
