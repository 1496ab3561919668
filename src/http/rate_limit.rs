//! The limit of a request with the least remaining, as Envoy's rate limit filters describe it in response headers.
//!
//! With `enable_x_ratelimit_headers`, they write the headers of draft-polli-ratelimit-headers-03. The first number of
//! `x-ratelimit-limit` is the quota of the limit with the least remaining, which is the exceeded limit in a refusal;
//! the list after it has all limits that apply to the request: `10, 10;w=60;name="per-minute", 500;w=86400`.

use crate::http::headers::Headers;
use std::str::FromStr;

/// The values of `%RESPONSE_CODE_DETAILS%` for a refusal by the global and by the local rate limit filter.
const REFUSALS: [&[u8]; 2] = [b"request_rate_limited", b"local_rate_limited"];
/// Headers of Envoy's refusals, which replies of the filter keep.
const KEPT: [&str; 4] = [
    "x-envoy-ratelimited",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];
/// The maximum length of a limit's name, in bytes.
const MAX_NAME: usize = 100;

/// The limit of a request with the least remaining. Members that Envoy does not report are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    pub name: Option<String>,
    /// The number of requests or tokens in a window.
    pub quota: Option<u64>,
    /// The remaining quota.
    pub left: Option<u64>,
    /// The length of the window in seconds.
    pub window: Option<u32>,
    /// The time until the window ends in seconds.
    pub reset: Option<u32>,
    /// Envoy's own headers.
    pub kept: Vec<(&'static str, String)>,
}

/// Returns whether a response with these response code details is the refusal of a rate limit filter.
pub fn is_refusal(details: &[u8]) -> bool {
    REFUSALS.contains(&details)
}

impl RateLimit {
    /// Reads the headers of a response.
    pub fn of(headers: &Headers) -> Self {
        let kept = KEPT
            .into_iter()
            .filter_map(|name| Some((name, headers.text(name)?.to_owned())));
        let limits = headers.text("x-ratelimit-limit").unwrap_or_default();
        let mut listed = split(limits, ',');
        let quota = listed.next().and_then(|first| first.trim().parse().ok());
        let same = listed
            .filter_map(Listed::parse)
            .filter(|limit| Some(limit.quota) == quota);
        let same: Vec<Listed<'_>> = same.collect();
        let name = same.iter().map(|limit| limit.name);
        let window = same.iter().map(|limit| limit.window);
        Self {
            name: only(name).flatten().map(str::to_owned),
            quota,
            left: number(headers, "x-ratelimit-remaining"),
            window: only(window),
            reset: number(headers, "x-ratelimit-reset").or_else(|| number(headers, "retry-after")),
            kept: kept.collect(),
        }
    }

    /// Returns the remaining quota, in percent.
    pub fn share_left(&self) -> Option<u64> {
        let (quota, left) = (self.quota?, self.left?);
        left.min(quota).checked_mul(100)?.checked_div(quota)
    }
}

fn number<N: FromStr>(headers: &Headers, name: &str) -> Option<N> {
    headers.text(name)?.trim().parse().ok()
}

/// One limit of the list.
struct Listed<'t> {
    quota: u64,
    window: u32,
    name: Option<&'t str>,
}

impl<'t> Listed<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let mut parts = split(text, ';').map(str::trim);
        let quota = parts.next()?.parse().ok()?;
        let (mut window, mut name) = (None, None);
        for part in parts {
            match part.split_once('=') {
                Some(("w", seconds)) => window = seconds.parse().ok(),
                Some(("name", quoted)) => name = Some(quoted.trim_matches('"')),
                _ => {}
            }
        }
        Some(Self {
            quota,
            window: window?,
            name: name.filter(|name| (1..=MAX_NAME).contains(&name.len())),
        })
    }
}

/// Splits a list at a separator outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
}

/// Returns the value of all items, if they all have the same value.
fn only<T: PartialEq>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.all(|item| item == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: &str, reset: &str) -> (Option<String>, Option<u64>, Option<u32>, Option<u32>) {
        let headers = Headers::from_iter([
            (":status", "429"),
            ("x-ratelimit-limit", limit),
            ("x-ratelimit-reset", reset),
        ]);
        let RateLimit {
            name,
            quota,
            window,
            reset,
            ..
        } = RateLimit::of(&headers);
        (name, quota, window, reset)
    }

    #[test]
    fn exceeded_limit_is_found_in_the_list() {
        let name = |text: &str| Some(text.to_owned());
        for (limit, expected) in [
            (r#"5, 5;w=60;name="a""#, (name("a"), Some(5), Some(60))),
            (
                r#"5, 9;w=1;name="b", 5;w=60;name="a""#,
                (name("a"), Some(5), Some(60)),
            ),
            (
                r#"5, 5;w=60;name="a,b;w=1""#,
                (name("a,b;w=1"), Some(5), Some(60)),
            ),
            ("5, 5;w=60", (None, Some(5), Some(60))),
            (
                r#"5, 5;w=60;name="a", 5;w=60;name="b""#,
                (None, Some(5), Some(60)),
            ),
            (
                r#"5, 5;w=60;name="a", 5;w=1;name="a""#,
                (name("a"), Some(5), None),
            ),
            (r#"5, 6;w=60;name="a""#, (None, Some(5), None)),
            (r#"5, 5;name="a""#, (None, Some(5), None)),
            (r#"5, 5;w=60;name="""#, (None, Some(5), Some(60))),
            ("5", (None, Some(5), None)),
            ("", (None, None, None)),
            ("x, -1;w=60, 5;w", (None, None, None)),
        ] {
            let (name, quota, window, reset) = read(limit, "30");
            assert_eq!((name, quota, window), expected, "{limit}");
            assert_eq!(reset, Some(30));
        }
        let long = "n".repeat(101);
        assert_eq!(read(&format!("5, 5;w=1;name=\"{long}\""), "-1").0, None);
    }

    #[test]
    fn reset_is_also_read_from_retry_after() {
        let headers = Headers::from_iter([("retry-after", "7")]);
        assert_eq!(RateLimit::of(&headers).reset, Some(7));
        for reset in ["", "-1", "1.5", "99999999999"] {
            assert_eq!(read("5", reset).3, None, "{reset}");
        }
    }

    #[test]
    fn remaining_share_is_a_percentage() {
        for (quota, left, expected) in [
            ("200", "50", Some(25)),
            ("3", "2", Some(66)),
            ("5", "0", Some(0)),
            ("5", "9", Some(100)),
            ("0", "0", None),
            ("5", "", None),
            ("18446744073709551615", "18446744073709551615", None),
        ] {
            let headers = Headers::from_iter([
                ("x-ratelimit-limit", quota),
                ("x-ratelimit-remaining", left),
            ]);
            let share = RateLimit::of(&headers).share_left();
            assert_eq!(share, expected, "{left} of {quota}");
        }
    }

    #[test]
    fn envoys_own_headers_are_kept() {
        let headers = Headers::from_iter([
            ("x-ratelimit-limit", "5"),
            ("x-envoy-ratelimited", "true"),
            ("server", "envoy"),
        ]);
        let expected = [("x-envoy-ratelimited", "true"), ("x-ratelimit-limit", "5")];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(RateLimit::of(&headers).kept, expected);
    }

    #[test]
    fn only_rate_limit_filters_refuse() {
        assert!(is_refusal(b"request_rate_limited") && is_refusal(b"local_rate_limited"));
        assert!(
            !is_refusal(b"via_upstream") && !is_refusal(b"") && !is_refusal(b"rate_limiter_error")
        );
    }
}
