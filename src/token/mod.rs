//! From a request's headers to verified claims: `bearer` finds the token, `jws` takes it apart,
//! `verify` believes it or not.

pub mod algorithm;
pub mod bearer;
pub mod claim_list;
pub mod claim_path;
pub mod claim_set;
pub mod claim_test;
pub mod claims;
pub mod foreign;
pub mod issuer;
pub mod jws;
pub mod kind;
pub mod rsa;
pub mod self_test;
pub mod signature;
pub mod verify;
