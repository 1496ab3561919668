//! The calls that fetch credentials, and the requests that wait for them.

use super::exchanged::{ExchangeId, NewExchange};
use crate::fetch::callout::Callout;
use crate::fetch::refresh::Attempt;

/// The event that a request for a credential waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// Any valid value of the credential.
    Poll(usize),
    /// The end of the exchange.
    Exchange(usize, ExchangeId),
}

/// Identifies the call that an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialCall {
    pub(super) credential: usize,
    pub(super) kind: CredentialCallKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredentialCallKind {
    Poll(Attempt),
    Exchange(ExchangeId),
}

impl CredentialCall {
    pub(super) fn poll(
        credential: usize,
        (attempt, callout): (Attempt, Callout),
    ) -> (Self, Callout) {
        let kind = CredentialCallKind::Poll(attempt);
        (Self { credential, kind }, callout)
    }

    pub(super) fn exchange(credential: usize, (exchange, callout): NewExchange) -> (Self, Callout) {
        let kind = CredentialCallKind::Exchange(exchange);
        (Self { credential, kind }, callout)
    }

    /// Returns the event that the waiting requests wait for.
    pub fn coming(self) -> Coming {
        match self.kind {
            CredentialCallKind::Poll(_) => Coming::Poll(self.credential),
            CredentialCallKind::Exchange(id) => Coming::Exchange(self.credential, id),
        }
    }
}
