//! The context of a request: the time, the client's address and the client certificate.

use crate::policy::membership::Directory;
use crate::time::Timestamp;
use std::net::IpAddr;

/// Facts that rules match in addition to the caller and the request. The gate collects only the facts that some rule
/// requires. A fact that was not collected is unknown, so it permits nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    pub now: Timestamp,
    /// The client's address. `None` if it is unknown.
    pub source: Option<IpAddr>,
    pub peer: Peer,
    /// The known groups of the caller that are not in the token.
    pub directory: Directory,
}

impl RequestContext {
    /// Returns a context in which only the time is known.
    pub fn unknown(now: Timestamp) -> Self {
        Self {
            now,
            source: None,
            peer: Peer::Unknown,
            directory: Directory::NotQueried,
        }
    }

    /// Returns the same context at another time.
    pub fn at(&self, now: Timestamp) -> Self {
        Self {
            now,
            ..self.clone()
        }
    }
}

/// The client certificate of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The URI in the certificate's subject alternative name.
    Uri(String),
    /// No certificate, or one without a URI.
    Absent,
    Unknown,
}
