//! Token verification, from a request's headers to verified claims: `bearer` finds the token, `jws` parses
//! it, `verify` checks it.

pub mod bearer;
pub mod claim_list;
pub mod claim_path;
pub mod claim_set;
pub mod claim_test;
pub mod claims;
pub mod facets;
pub mod host_verify;
pub mod issuer;
pub mod jws;
pub mod kind;
pub mod rsa;
pub mod rules;
pub mod signature;
pub mod startup_check;
pub mod verify;
