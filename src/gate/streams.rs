//! Where a stream's number leads to. It is asked for at every step of a request, and the host chooses
//! it, nobody else: the hash that keeps callers from choosing where things stand would be in vain.

use super::StreamId;
use crate::request::Headers;
use crate::time::Timestamp;
use std::borrow::Cow;
use std::hash::{BuildHasherDefault, Hasher};

pub type ByStream = BuildHasherDefault<Spread>;

/// Spreads numbers that are mostly one after the other (Fibonacci hashing).
#[derive(Debug, Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn write_u32(&mut self, number: StreamId) {
        const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(GOLDEN_RATIO);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The request's own id if it is fit to be repeated, else one of ours.
pub fn request_id(headers: &Headers, id: StreamId, now: Timestamp) -> Cow<'_, str> {
    const LONGEST: usize = 128;
    let fit = |id: &&str| {
        !id.is_empty() && id.len() <= LONGEST && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match headers.text("x-request-id").filter(fit) {
        Some(id) => id.into(),
        None => format!("entragate-{:x}-{id:x}", now.as_millis()).into(),
    }
}
