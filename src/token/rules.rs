//! The compiled form of the configuration's `token`.

use super::bearer::TokenLocation;
use std::time::Duration;

/// The headers that may carry the caller's token, and the token's limits.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// In order of precedence: the first header that is present is used.
    pub locations: Vec<TokenLocation>,
    pub clock_skew: Duration,
    pub max_bytes: usize,
    /// The maximum accepted `exp − iat`.
    pub max_lifetime: Option<Duration>,
    /// Accepted values of the header parameter `typ`, in lower case, without `application/`.
    pub types: Vec<String>,
}
