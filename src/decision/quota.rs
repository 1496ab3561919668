//! The message for requests that exceed a quota, and the time after which they may be retried.

use crate::http::rate_limit::RateLimit;
use crate::text::excerpt;

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;
const WEEK: u32 = 7 * DAY;
/// The maximum time that a client waits automatically. A longer wait would look like a hang.
const LONGEST_WAIT: u32 = 60;

impl RateLimit {
    pub(super) fn text(&self) -> String {
        let name = self
            .name
            .as_deref()
            .map(|name| format!(" {}", excerpt(name)));
        let name = name.unwrap_or_default();
        let size = match (self.quota, self.window) {
            (Some(quota), Some(window)) => format!(" of {quota} per {}", period(window)),
            (Some(quota), None) => format!(" of {quota}"),
            (None, _) => String::new(),
        };
        let then = match self.reset {
            Some(seconds) => format!("in {}", span(seconds)),
            None => "later".to_owned(),
        };
        format!("Your quota{name}{size} is used up; try again {then}")
    }

    /// Returns the seconds after which the request may succeed; a minute if the time is unknown.
    pub(super) fn retry_after(&self) -> u32 {
        self.reset.unwrap_or(MINUTE)
    }

    /// Whether a client should wait and retry automatically.
    pub(crate) fn is_soon(&self) -> bool {
        self.reset.is_some_and(|seconds| seconds <= LONGEST_WAIT)
    }
}

fn period(seconds: u32) -> String {
    match seconds {
        1 => "second".to_owned(),
        MINUTE => "minute".to_owned(),
        HOUR => "hour".to_owned(),
        DAY => "day".to_owned(),
        WEEK => "week".to_owned(),
        _ => format!("{seconds} s"),
    }
}

/// Returns a time in an easily readable unit, rounded up.
fn span(seconds: u32) -> String {
    match seconds {
        0..=120 => format!("{seconds} s"),
        121..=7200 => format!("{} min", seconds.div_ceil(MINUTE)),
        _ => format!("{} h", seconds.div_ceil(HOUR)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_the_quota_as_far_as_it_is_known() {
        let limit = |name: Option<&str>, quota, window, reset| RateLimit {
            name: name.map(str::to_owned),
            quota,
            window,
            reset,
            ..RateLimit::default()
        };
        for (limit, expected) in [
            (
                limit(Some("tokens-per-day"), Some(100_000), Some(DAY), Some(7201)),
                "Your quota 'tokens-per-day' of 100000 per day is used up; try again in 3 h",
            ),
            (
                limit(None, Some(5), Some(MINUTE), Some(12)),
                "Your quota of 5 per minute is used up; try again in 12 s",
            ),
            (
                limit(None, Some(5), Some(90), Some(121)),
                "Your quota of 5 per 90 s is used up; try again in 3 min",
            ),
            (
                limit(None, Some(5), None, None),
                "Your quota of 5 is used up; try again later",
            ),
            (
                limit(None, None, None, None),
                "Your quota is used up; try again later",
            ),
        ] {
            assert_eq!(limit.text(), expected);
        }
    }

    #[test]
    fn client_waits_by_itself_for_a_minute_at_most() {
        for (reset, retry_after, is_soon) in [
            (Some(0), 0, true),
            (Some(60), 60, true),
            (Some(61), 61, false),
            (None, 60, false),
        ] {
            let limit = RateLimit {
                reset,
                ..RateLimit::default()
            };
            assert_eq!(
                (limit.retry_after(), limit.is_soon()),
                (retry_after, is_soon)
            );
        }
    }
}
