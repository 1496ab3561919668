//! From a request's headers to verified claims: `bearer` finds the token, `jws` takes it apart,
//! `verify` believes it or not.

pub mod bearer;
pub mod claim_list;
pub mod claim_path;
pub mod claim_set;
pub mod claim_test;
pub mod claims;
pub mod host_verify;
pub mod issuer;
pub mod jws;
pub mod kind;
pub mod rsa;
pub mod rules;
pub mod signature;
pub mod startup_check;
pub mod verify;
