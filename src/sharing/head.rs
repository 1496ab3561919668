//! The small shared entry of a resource: the state of its fetches and the lease.

use super::lease::{CLOCK_SKEW, Lease};
use crate::fetch::refresh::Backoff;
use crate::time::Timestamp;
use std::time::Duration;

/// The maximum pause after a failure (`cooldown`, or the pause that a service requests).
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
const WORDS: usize = 6;
const WORD: usize = size_of::<u64>();

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The time of the last valid answer.
    pub fetched: Option<Timestamp>,
    /// The number of failures since then, and the time of the next attempt.
    pub backoff: Backoff,
    /// The right to fetch.
    pub lease: Option<Lease>,
}

impl Head {
    /// Reads an entry. Times too far in the future are ignored, because the clock has been set back since.
    pub fn read(content: &[u8], now: Timestamp) -> Option<Self> {
        let mut words = [0; WORDS];
        if content.len() != WORDS * WORD {
            return None;
        }
        for (word, bytes) in words.iter_mut().zip(content.chunks_exact(WORD)) {
            *word = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        let [fetched, failures, retry_at, cooldown_until, holder, until] = words;
        let time = |millis: u64, most: Duration| {
            let time = Timestamp::from_millis(millis);
            (millis > 0 && time <= now.plus(most)).then_some(time)
        };
        Some(Self {
            fetched: time(fetched, CLOCK_SKEW),
            backoff: Backoff {
                failures: u32::try_from(failures).ok()?,
                retry_at: time(retry_at, LONGEST_PAUSE),
                cooldown_until: time(cooldown_until, LONGEST_PAUSE),
            },
            lease: Lease::read([holder, until], now),
        })
    }

    pub fn write(&self) -> Vec<u8> {
        let time = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
        let Backoff {
            failures,
            retry_at,
            cooldown_until,
        } = self.backoff;
        let [holder, until] = Lease::words(self.lease);
        let words: [u64; WORDS] = [
            time(self.fetched),
            u64::from(failures),
            time(retry_at),
            time(cooldown_until),
            holder,
            until,
        ];
        words.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    pub fn is_held_by_another(&self, than: u64, now: Timestamp) -> bool {
        self.lease
            .is_some_and(|lease| lease.is_of_another(than, now))
    }

    pub fn is_held_by(&self, holder: u64) -> bool {
        self.lease.is_some_and(|lease| lease.holder == holder)
    }

    /// Returns whether a fetch would be too soon after another VM's fetch.
    pub fn is_set_back(&self, demanded: bool, now: Timestamp) -> bool {
        let until = if demanded {
            self.backoff.cooldown_until
        } else {
            self.backoff.retry_at
        };
        until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    #[test]
    fn written_head_is_read_without_times_in_the_future() {
        let head = Head {
            fetched: Some(at(0)),
            backoff: Backoff {
                failures: 3,
                retry_at: Some(at(4)),
                cooldown_until: Some(at(30)),
            },
            lease: Some(Lease {
                holder: 7,
                until: at(2),
            }),
        };
        assert_eq!(Head::read(&head.write(), at(0)), Some(head));
        let none = Head::default();
        assert_eq!(Head::read(&none.write(), at(0)), Some(none));
        let stepped = Head::read(&head.write(), Timestamp::from_secs(1)).unwrap();
        assert_eq!((stepped.fetched, stepped.lease), (None, None));
        assert_eq!(stepped.backoff.retry_at, None);
        for size in [0, 1, WORDS * WORD - 1, WORDS * WORD + 1] {
            assert_eq!(Head::read(&vec![0; size], at(0)), None, "{size} bytes");
        }
    }
}
