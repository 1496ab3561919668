//! The host's state of one request.

use super::nginx::Removed;
use super::rules::Rules;

/// Header fields in their order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// The state of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Held by the filter.
    Held,
    /// Forwarded with these headers.
    Forwarded(Fields),
    /// The filter replied.
    Replied(LocalReply),
}

/// A reply that the filter made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    pub status: u32,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub details: String,
    pub grpc_status: i32,
}

impl LocalReply {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        field(&self.headers, name)
    }
}

/// The first value of a field, if it is text.
pub fn field(fields: &Fields, name: &str) -> Option<String> {
    let found = fields
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| String::from_utf8(value.clone()).ok())
}

#[derive(Debug)]
pub(super) struct Stream {
    pub headers: Fields,
    pub removed: Removed,
    /// The filter may read and change the headers, since they have not been forwarded yet.
    pub is_open: bool,
    pub fate: Fate,
    /// The filter has resumed it during the current callback.
    pub is_resumed: bool,
    /// The held part of the body.
    pub body: Vec<u8>,
    pub response_headers: Fields,
    pub response_body: Vec<u8>,
    pub response_status: Option<u32>,
    pub bytes_received: u64,
    /// The filter state for access logs.
    pub filter_state: Vec<(String, String)>,
}

impl Stream {
    pub fn new(headers: Fields) -> Self {
        let size = |(name, value): &(String, Vec<u8>)| (name.len() + value.len()) as u64;
        Self {
            bytes_received: headers.iter().map(size).sum(),
            headers,
            removed: Removed::default(),
            is_open: true,
            fate: Fate::Held,
            is_resumed: false,
            body: Vec::new(),
            response_headers: Vec::new(),
            response_body: Vec::new(),
            response_status: None,
            filter_state: Vec::new(),
        }
    }

    pub fn forward(&mut self, rules: Rules) {
        self.is_open = false;
        self.fate = Fate::Forwarded(match rules {
            Rules::Envoy => self.headers.clone(),
            Rules::Nginx => self.removed.sent_with(&self.headers),
        });
    }
}
