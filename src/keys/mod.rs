//! Issuers' public keys: reading them, finding them, and when to fetch them anew.

pub mod algorithm;
pub(crate) mod der;
pub mod issuer_keys;
pub mod jwk;
pub mod keyset;
pub mod rsa;
pub mod source;
mod spki;
