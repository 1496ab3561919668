//! The compiled form of `token`: where tokens are, and their bounds.

use super::bearer::TokenLocation;
use std::time::Duration;

/// Where the caller's token is, and its bounds.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// In order: the first header present wins.
    pub locations: Vec<TokenLocation>,
    pub clock_skew: Duration,
    pub max_bytes: usize,
    /// Longest accepted `exp − iat`.
    pub max_lifetime: Option<Duration>,
    /// Accepted header `typ`, lower case, without `application/`.
    pub types: Vec<String>,
}
