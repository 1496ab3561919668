//! The challenge of a denial: how the caller must authenticate.

/// The content of `WWW-Authenticate` (RFC 6750 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// No header: the denial has nothing to do with the caller's authentication.
    None,
    /// The scheme alone, for a request without a token (§3.1).
    Bare,
    InvalidToken,
    InsufficientScope,
    /// Entra's claims challenge: the caller must sign in again and request this context.
    InsufficientClaims {
        authorization_uri: String,
        context: String,
    },
}
