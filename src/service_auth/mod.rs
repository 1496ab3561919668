//! Service tokens, which authenticate the filter's own callouts: managed identities and client credentials.

pub mod auth;
pub mod service_token;
pub mod token_response;
