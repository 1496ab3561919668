//! Hugging Face credentials, which replace the caller's Authorization: their sources and their
//! lifecycle. These are state machines without I/O: calls and answers are values.

pub mod call;
pub mod exchange;
pub mod exchanged;
pub mod polled;
pub mod store;
pub mod subject;
pub mod value;

use crate::pattern::Pattern;
use crate::secret::Secret;
use std::sync::Arc;

/// A configured credential.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The name appears in rules, audit records and metrics; the value never does.
    pub name: Arc<str>,
    /// Patterns of the clusters that the credential may be sent to. If empty, it may be sent to any
    /// cluster.
    pub clusters: Vec<Pattern>,
    /// The payer, unless a rule names another one.
    pub bill_to: Option<Arc<str>>,
    pub source: Source,
}

/// The source of a credential's value.
#[derive(Clone, Debug)]
pub enum Source {
    /// The environment or the configuration: constant until the next start.
    Fixed(Secret),
    /// A secret store that is polled.
    Polled(Box<polled::Store>),
    /// Hugging Face's token endpoint: one short-lived token per person (RFC 8693).
    Exchanged(Box<exchange::TokenExchange>),
}
