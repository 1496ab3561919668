//! Tokens for the calls that the filter makes itself: managed identities and client credentials.

pub mod auth;
pub mod service_token;
pub mod token_response;
