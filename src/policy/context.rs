//! What surrounds a request and is no part of it: when, from where, over whose connection.

use crate::policy::membership::Directory;
use crate::time::Timestamp;
use std::net::IpAddr;

/// Facts that rules ask about beside caller and request. The gate gathers only those that some
/// rule asks for; what was not gathered is not known, and so permits nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    pub now: Timestamp,
    /// The client's address. `None`: it can't be told.
    pub source: Option<IpAddr>,
    pub peer: Peer,
    /// What was found out of the caller's groups beside the token.
    pub directory: Directory,
}

impl RequestContext {
    /// Nothing but the time is known.
    pub fn unknown(now: Timestamp) -> Self {
        Self {
            now,
            source: None,
            peer: Peer::Unknown,
            directory: Directory::NotAsked,
        }
    }

    /// The same at another moment.
    pub fn at(&self, now: Timestamp) -> Self {
        Self {
            now,
            ..self.clone()
        }
    }
}

/// Who holds the client certificate of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The URI in the certificate's subject alternative name.
    Uri(String),
    /// No certificate, or one without a URI.
    Absent,
    Unknown,
}
