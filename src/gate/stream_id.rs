//! Stream ids: a fast hasher for maps keyed by them, and request ids made from them. The hasher need not be
//! collision-resistant, since the host chooses the stream ids, not the caller.

use crate::gate::StreamId;
use crate::http::headers::Headers;
use crate::time::Timestamp;
use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

pub type ByStream = BuildHasherDefault<Spread>;

/// A hasher for mostly consecutive numbers (Fibonacci hashing).
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

/// Creates request ids that differ between VMs, although hosts number the streams of each VM in the same way.
#[derive(Debug)]
pub struct RequestIds {
    vm: u32,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self {
            vm: RandomState::new().build_hasher().finish() as u32,
        }
    }
}

impl RequestIds {
    /// Returns the request's `x-request-id` if it is short and printable, otherwise a generated id.
    pub fn of<'h>(&self, headers: &'h Headers, id: StreamId, now: Timestamp) -> Cow<'h, str> {
        const LONGEST: usize = 128;
        let fit = |id: &&str| {
            let is_visible = id.bytes().all(|byte| byte.is_ascii_graphic());
            !id.is_empty() && id.len() <= LONGEST && is_visible
        };
        match headers.text("x-request-id").filter(fit) {
            Some(id) => id.into(),
            None => format!("entragate-{:x}-{:x}-{id:x}", now.as_millis(), self.vm).into(),
        }
    }
}
