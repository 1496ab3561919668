//! The tokens that are charged for a request. Envoy's rate limit filter reads them from filter state.

use super::Usage;

/// The maximum charge of one request. Envoy ignores a larger `hits_addend`, so the request would be free.
pub const MOST: u64 = 1_000_000_000;

/// The settings for reading usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metering {
    /// The total that is charged for a response that reports no usage.
    pub unknown_tokens: u64,
}

/// The tokens that are charged for a request. Unknown counts are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub total_tokens: u64,
}

impl Charge {
    /// Returns the counts that a response reports, or `unknown_tokens` if it reports none.
    pub fn of(usage: &Usage, unknown_tokens: u64) -> Self {
        let count = |tokens: Option<u64>| tokens.unwrap_or(0).min(MOST);
        let (prompt, completion) = (count(usage.prompt_tokens), count(usage.completion_tokens));
        let total = if usage.counts_something() {
            usage.total_tokens.unwrap_or(prompt + completion)
        } else {
            unknown_tokens
        };
        Self {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: total.min(MOST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charged(prompt: Option<u64>, completion: Option<u64>, total: Option<u64>) -> [u64; 3] {
        let usage = Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: total,
            ..Usage::default()
        };
        let charge = Charge::of(&usage, 500);
        [
            charge.prompt_tokens,
            charge.completion_tokens,
            charge.total_tokens,
        ]
    }

    #[test]
    fn reported_counts_are_charged_and_unknown_usage_is_charged_the_configured_total() {
        for (usage, expected) in [
            ((Some(12), Some(34), Some(46)), [12, 34, 46]),
            ((Some(8), None, Some(8)), [8, 0, 8]),
            ((None, Some(34), None), [0, 34, 34]),
            ((Some(12), None, None), [12, 0, 12]),
            ((None, None, Some(9)), [0, 0, 9]),
            ((Some(0), Some(0), Some(0)), [0, 0, 0]),
            ((None, None, None), [0, 0, 500]),
        ] {
            let (prompt, completion, total) = usage;
            assert_eq!(charged(prompt, completion, total), expected, "{usage:?}");
        }
    }

    #[test]
    fn charge_never_exceeds_what_envoy_accepts() {
        let most = Some(u64::MAX);
        assert_eq!(charged(most, most, most), [MOST; 3]);
        assert_eq!(charged(most, most, None), [MOST; 3]);
    }
}
