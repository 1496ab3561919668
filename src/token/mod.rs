//! From a request's headers to verified claims.

pub mod algorithm;
pub mod bearer;
pub mod claim_path;
pub mod claims;
pub mod issuer;
