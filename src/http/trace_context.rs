//! W3C Trace Context. A caller's trace is passed on unchanged; if there is none, the filter starts one.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Returns the trace id of a valid `traceparent`: version, 32 digits, 16 digits, flags.
pub fn trace_id(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (parent, flags) = (parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_non_zero = |text: &str| text.contains(|c| c != '0');
    let is_complete = version != "00" || parts.next().is_none();
    let is_valid = (hex(version, 2) && version != "ff" && is_complete)
        && (hex(trace, 32) && is_non_zero(trace))
        && (hex(parent, 16) && is_non_zero(parent))
        && hex(flags, 2);
    is_valid.then(|| trace.to_owned())
}

/// A generator of trace ids. The ids are unlikely to repeat and hard to predict, but not secret.
#[derive(Debug, Default)]
pub struct Traces {
    /// Randomly keyed by the standard library, from the host's random numbers.
    source: RandomState,
    count: u64,
}

/// A trace that the filter starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    pub id: String,
    /// The header `traceparent`. The sampled flag is not set; the next service decides whether to sample.
    pub traceparent: String,
}

impl Traces {
    /// Starts a trace.
    pub fn begin(&mut self) -> Trace {
        let id = self.id();
        let parent = digits(self.part(2));
        Trace {
            traceparent: ["00-", &id, "-", text(&parent), "-00"].concat(),
            id,
        }
    }

    /// Returns the id of a new trace that no other service continues.
    pub fn id(&mut self) -> String {
        self.count = self.count.wrapping_add(1);
        let parts = [digits(self.part(0)), digits(self.part(1))];
        parts.each_ref().map(|digits| text(digits)).concat()
    }

    fn part(&self, part: u8) -> u64 {
        // Zero is not a valid id.
        self.source.hash_one((self.count, part)).max(1)
    }
}

/// Formats a number in hexadecimal.
fn digits(mut number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for digit in digits.iter_mut().rev() {
        let lowest = (number & 15) as u8;
        *digit = match lowest {
            0..=9 => b'0' + lowest,
            _ => b'a' - 10 + lowest,
        };
        number >>= 4;
    }
    digits
}

fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn trace_id_is_read_from_valid_traceparent_only() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let header = format!("00-{trace}-b7ad6b7169203331-01");
        assert_eq!(trace_id(&header).as_deref(), Some(trace));
        let newer = format!("01-{trace}-b7ad6b7169203331-01-more");
        assert_eq!(trace_id(&newer).as_deref(), Some(trace));
        for bad in [
            "",
            "00",
            "00-xyz-1-1",
            &header.to_uppercase(),
            &"0".repeat(60),
            &format!("ff-{trace}-b7ad6b7169203331-01"),
            &format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            &format!("00-{trace}-0000000000000000-01"),
            &format!("00-{trace}-b7ad6b7169203331"),
            &format!("00-{trace}-b7ad6b7169203331-1"),
            &format!("{header}-more"),
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn started_trace_is_valid_and_unique() {
        let mut both = [Traces::default(), Traces::default()];
        let mut seen = BTreeSet::new();
        for traces in &mut both {
            for _ in 0..1000 {
                let trace = traces.begin();
                assert_eq!(trace_id(&trace.traceparent), Some(trace.id.clone()));
                assert!(seen.insert(trace.id));
            }
        }
    }
}
