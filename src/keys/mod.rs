//! Issuers' public keys: reading them, finding them, and when to fetch them anew.

pub(crate) mod der;
pub mod jwk;
pub mod keyset;
pub mod refresh;
pub mod ring;
pub mod rsa;
pub mod source;
mod spki;
