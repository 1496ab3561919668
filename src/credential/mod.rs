//! Hugging Face credentials: what replaces the caller's Authorization. And our own tokens for the
//! services that we call ourselves.

use crate::secret::Secret;
use std::sync::Arc;

pub mod auth;
pub mod grant;
pub mod lease;
pub mod select;

/// A configured credential.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Stands in rules, audit and metrics; the value never does.
    pub name: Arc<str>,
    pub value: Secret,
}
