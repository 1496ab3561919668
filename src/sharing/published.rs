//! The large shared entry: the last valid answer as received, with its time.

use crate::time::Timestamp;

/// Maximum number of bodies of one fetch: one call, or two with discovery. Each answer is at most
/// 1 MiB.
const MAX_BODIES: usize = 2;
const MAX_BODY: usize = 1024 * 1024;

/// The bodies of the calls of one successful fetch, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The time of the last answer.
    pub at: Timestamp,
    pub bodies: Vec<Vec<u8>>,
}

impl Published {
    /// Reads the time, then each body after its length. Returns `None` if the content is malformed or exceeds a limit.
    pub fn read(content: &[u8]) -> Option<Self> {
        let (at, mut rest) = content.split_first_chunk()?;
        let at = Timestamp::from_millis(u64::from_le_bytes(*at));
        let mut bodies = Vec::new();
        while !rest.is_empty() {
            let (size, more) = rest.split_first_chunk()?;
            let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
            let (body, more) = more.split_at_checked(size)?;
            if size > MAX_BODY || bodies.len() >= MAX_BODIES {
                return None;
            }
            bodies.push(body.to_vec());
            rest = more;
        }
        Some(Self { at, bodies })
    }

    /// Returns `None` if the bodies are too large to be shared.
    pub fn write(&self) -> Option<Vec<u8>> {
        let mut content = self.at.as_millis().to_le_bytes().to_vec();
        if self.bodies.len() > MAX_BODIES {
            return None;
        }
        for body in &self.bodies {
            if body.len() > MAX_BODY {
                return None;
            }
            content.extend(u32::try_from(body.len()).ok()?.to_le_bytes());
            content.extend_from_slice(body);
        }
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_answer_is_read_and_malformed_one_is_rejected() {
        let with = |bodies: &[&[u8]]| Published {
            at: Timestamp::from_secs(5),
            bodies: bodies.iter().map(|body| body.to_vec()).collect(),
        };
        for published in [with(&[]), with(&[b"{}"]), with(&[b"", b"keys"])] {
            let content = published.write().unwrap();
            assert_eq!(Published::read(&content), Some(published));
        }
        let content = with(&[b"one", b"two"]).write().unwrap();
        // A cut after a complete body leaves a valid shorter content; the MAC detects it.
        for cut in (0..content.len()).filter(|cut| ![8, 15].contains(cut)) {
            assert_eq!(Published::read(&content[..cut]), None, "cut at {cut}");
        }
        let large = vec![0; MAX_BODY + 1];
        assert_eq!(with(&[&large]).write(), None);
        assert_eq!(with(&[b"", b"", b""]).write(), None);
        assert!(with(&[&large[1..]]).write().is_some());
    }
}
