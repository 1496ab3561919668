//! A request as the host shows it, made into what the core reads.

use super::abi::{self, Map};
use super::kind::{Kind, kind};
use crate::request::Headers;

/// All header fields. `None` where the host hands out fewer than it has announced: what we don't
/// see, we could not take off. (ngx_wasm_module stops at a hundred.)
pub fn headers(announced: usize, is_all: bool) -> Option<Headers> {
    let mut headers = abi::headers(Map::Request)?;
    let count = match kind() {
        Kind::Envoy => {
            headers.is_all = is_all;
            headers.iter().count()
        }
        Kind::Nginx => {
            headers = as_sent(&headers);
            // Pseudo-headers are its own invention and were not announced.
            let is_field = |(name, _): &(&[u8], &[u8])| !name.starts_with(b":");
            headers.iter().filter(is_field).count()
        }
    };
    (count >= announced).then_some(headers)
}

/// nginx's `:authority` is the name of its server; what the caller asked for is in `host`. Whether a
/// body follows it can't say, so one may.
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
