//! For hosts where nothing but the end of a call of its own wakes a request: each that waits makes a
//! copy of the call it waits for, and is judged again when that ends.

use crate::fetch::callout::Answer;
use crate::gate::request::pending::Dependency;
use crate::gate::{CallId, Gate, Ruling, StreamId};
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;
use std::time::Duration;

impl Gate {
    /// How much longer a request waits for what the answer to that call brings. `None`: it does not
    /// wait for it, or no longer.
    pub fn waits_for(&self, id: StreamId, ticket: CallId, now: Timestamp) -> Option<Duration> {
        let (dependency, deadline) = self.waiting.guest(id)?;
        let serves = match (dependency, ticket) {
            (Dependency::Keys(wanted), CallId::Keys { ring, .. }) => ring == wanted,
            (Dependency::Revocation, CallId::Revocation(_)) => true,
            (Dependency::Credential(wanted), CallId::Credential(credential_call)) => {
                credential_call.coming() == wanted
            }
            (
                Dependency::Groups { issuer, id },
                CallId::Groups {
                    issuer: at, id: of, ..
                },
            ) => (issuer, id) == (at, of),
            // They may first need a token of ours.
            (
                Dependency::Revocation | Dependency::Credential(_) | Dependency::Groups { .. },
                CallId::Lease { .. },
            ) => true,
            _ => false,
        };
        (serves && now < deadline).then(|| deadline.since(now))
    }

    /// The answer to a copy of a call. Only a good one counts: a bad one may be the copy's own bad
    /// luck, and the call itself still be answered.
    pub fn overheard(&mut self, ticket: CallId, answer: Answer, now: Timestamp) {
        if answer.is_good() {
            self.answered(ticket, answer, now);
        }
    }

    /// Judges a waiting request by what is there. `None`: it is gone or was already decided.
    pub fn give_up(
        &mut self,
        id: StreamId,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Option<Ruling> {
        let (asked, _) = self.waiting.leave(id)?;
        let outcome = self.look_again(id, asked, now, now, signatures);
        Some(self.rule(id, outcome))
    }
}
