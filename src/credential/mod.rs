//! Hugging Face credentials: what replaces the caller's Authorization, where it comes from, and its
//! life. And our own tokens for the services that we call ourselves. State machines without I/O:
//! calls go out as values, answers come in as values.

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
    /// Stands in rules, audit and metrics; the value never does.
    pub name: Arc<str>,
    /// Patterns of the clusters that it may be sent to; empty: to any.
    pub clusters: Vec<Pattern>,
    pub source: Source,
}

/// Where a credential's value comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The environment, or the configuration itself: the same until the next start.
    Fixed(Secret),
    /// A secret store, asked again and again.
    Polled(Box<polled::Store>),
    /// Hugging Face's token endpoint: one short-lived token per person (RFC 8693).
    Exchanged(Box<exchange::TokenExchange>),
}
