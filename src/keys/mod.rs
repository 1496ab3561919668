//! Issuers' public keys: parsing, lookup, and when to fetch them again.

pub mod algorithm;
pub(crate) mod der;
pub mod issuer_keys;
pub mod jwk;
pub mod keyset;
pub mod rsa;
pub mod source;
mod spki;
