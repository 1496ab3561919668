//! Reads a request's headers from the host.

use super::abi::{self, Map};
use super::kind::{Kind, kind};
use crate::http::headers::Headers;

/// The maximum number of header fields that are read on ngx_wasm_module. A map of more than 100 fields,
/// pseudo-headers included, overruns the memory that the engine has allocated in the filter.
const MAX_FIELDS_ON_NGINX: usize = 90;
/// The fields that a denial and its record need.
const BRIEF: [&str; 6] = [
    ":method",
    ":path",
    "host",
    "content-type",
    "user-agent",
    "x-request-id",
];

/// Why a request's headers could not be read.
pub enum Unread {
    /// There are more fields than this host can deliver.
    TooMany,
    /// The host has delivered fewer fields than announced, so a credential may be among the missing ones and
    /// could not be removed.
    Incomplete,
}

/// Returns all header fields of a request.
pub fn headers(announced: usize, is_all: bool) -> Result<Headers, Unread> {
    if kind() == Kind::Nginx && announced > MAX_FIELDS_ON_NGINX {
        return Err(Unread::TooMany);
    }
    let mut headers = abi::headers(Map::Request).ok_or(Unread::Incomplete)?;
    let count = match kind() {
        Kind::Envoy => {
            headers.is_all = is_all || headers.begin_upgrade();
            headers.iter().count()
        }
        Kind::Nginx => {
            headers = as_sent(&headers);
            headers.is_all = headers.declare_no_content();
            // nginx adds the pseudo-headers, so they were not announced.
            let is_field = |(name, _): &(&[u8], &[u8])| !name.starts_with(b":");
            headers.iter().filter(is_field).count()
        }
    };
    if count >= announced {
        Ok(headers)
    } else {
        Err(Unread::Incomplete)
    }
}

/// Returns the fields that a denial needs, read individually.
pub fn brief() -> Headers {
    let mut headers = Headers::default();
    for name in BRIEF {
        if let Some(value) = abi::header(Map::Request, name) {
            headers.push(name.as_bytes(), &value);
        }
    }
    headers
}

/// Returns the headers as the caller sent them. In nginx, `:authority` is the name of the server, so it is removed and
/// `host` is used instead.
fn as_sent(headers: &Headers) -> Headers {
    let mut sent = Headers::default();
    let kept = headers.iter().filter(|(name, _)| *name != b":authority");
    kept.for_each(|(name, value)| sent.push(name, value));
    sent
}

/// Returns the status that the caller received, at the end of the stream.
pub fn answered_status() -> Option<u16> {
    let bytes = abi::property("response\0code")?;
    let status = match kind() {
        Kind::Envoy => u16::try_from(i64::from_le_bytes(bytes.try_into().ok()?)).ok()?,
        Kind::Nginx => std::str::from_utf8(&bytes).ok()?.parse().ok()?,
    };
    Some(status).filter(|status| *status > 0)
}
