//! The system clock, in the library's representation of time.

use entragate::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

pub fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

/// Converts a time; a time before 1970 becomes the start of 1970.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let span = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}
