//! Shared Signals: receives security events by polling (RFC 8936) and records what they revoke.
//!
//! A received token (SET, RFC 8417) is verified and applied, the state is written to a file, the feed is published, and
//! only then is the SET acknowledged. A SET that is delivered again is acknowledged without effect.

mod event;
mod keys;
mod ledger;
mod poll;
mod poll_token;
mod receiver;
mod set;
mod settings;
mod status;
mod stream;
mod subject;
mod subjects;

pub use ledger::Revoked;
pub use receiver::Receiver;
pub use settings::load;

#[cfg(test)]
mod tests;
