//! A request as the host shows it, made into what the core reads.

use super::abi::{self, Map};
use super::kind::{Kind, kind};
use crate::http::headers::Headers;

/// Most header fields of a request that are read on ngx_wasm_module. A map of more than 100, pseudo-
/// headers included, overruns the memory that the engine has asked the filter for.
const MAX_FIELDS_ON_NGINX: usize = 90;
/// The fields that a refusal and its record need.
const BRIEF: [&str; 6] = [
    ":method",
    ":path",
    "host",
    "content-type",
    "user-agent",
    "x-request-id",
];

/// Why a request's headers are not known.
pub enum Unread {
    /// This host can't hand out so many.
    TooMany,
    /// The host has handed out fewer than it has announced: a field that is not seen can't be
    /// taken off.
    Incomplete,
}

/// All header fields of a request.
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
            // Pseudo-headers are its own invention and were not announced.
            let is_field = |(name, _): &(&[u8], &[u8])| !name.starts_with(b":");
            headers.iter().filter(is_field).count()
        }
    };
    match count >= announced {
        true => Ok(headers),
        false => Err(Unread::Incomplete),
    }
}

/// The fields that a refusal needs, read one by one.
pub fn brief() -> Headers {
    let mut headers = Headers::default();
    for name in BRIEF {
        if let Some(value) = abi::header(Map::Request, name) {
            headers.push(name.as_bytes(), &value);
        }
    }
    headers
}

/// nginx's `:authority` is the name of its server; what the caller asked for is in `host`. Whether a
/// body follows it does not report, so one may unless the headers say otherwise.
fn as_sent(headers: &Headers) -> Headers {
    let mut sent = Headers::default();
    let kept = headers.iter().filter(|(name, _)| *name != b":authority");
    kept.for_each(|(name, value)| sent.push(name, value));
    sent
}

/// The status that the caller was answered with, when all is over.
pub fn answered_status() -> Option<u16> {
    let bytes = abi::property(&["response", "code"])?;
    let status = match kind() {
        Kind::Envoy => u16::try_from(i64::from_le_bytes(bytes.try_into().ok()?)).ok()?,
        Kind::Nginx => std::str::from_utf8(&bytes).ok()?.parse().ok()?,
    };
    Some(status).filter(|status| *status > 0)
}
