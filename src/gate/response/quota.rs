//! Rate limit filters of the host that follow this filter: their refusals, and the remaining quota.

use crate::decision::Denial;
use crate::gate::response::{Return, Returned};
use crate::gate::{Gate, Notice, StreamId};
use crate::http::headers::Headers;
use crate::http::rate_limit::{self, RateLimit};
use crate::metrics;
use std::collections::HashSet;

/// The maximum number of limit names that become labels. Counters are never removed.
const MOST_LABELS: usize = 64;
/// The label of limits without a name.
const UNNAMED: &str = "unnamed";
/// The label of all other limits.
const OTHER: &str = "other";

/// The metric labels of exceeded limits. The rate limit service defines their names.
#[derive(Debug, Default)]
pub(in crate::gate) struct LimitLabels(HashSet<String>);

impl LimitLabels {
    pub(in crate::gate) fn label<'a>(&mut self, name: Option<&'a str>) -> &'a str {
        let Some(name) = name else {
            return UNNAMED;
        };
        if self.0.contains(name) {
            name
        } else if self.0.len() < MOST_LABELS {
            self.0.insert(name.to_owned());
            name
        } else {
            OTHER
        }
    }
}

impl Gate {
    /// Replaces the refusal of a rate limit filter with one in the caller's format. `details` are the host's response
    /// code details, which are kept. `None`: the response is not a refusal of a rate limit filter.
    pub(in crate::gate) fn quota_exceeded(
        &mut self,
        id: StreamId,
        headers: &Headers,
        details: Option<&[u8]>,
    ) -> Option<Returned> {
        let details = details.filter(|details| rate_limit::is_refusal(details))?;
        let denial = Denial::QuotaExceeded(RateLimit::of(headers));
        let mut returned = self.fail(id, &denial);
        if let Return::Replace(reply) = &mut returned.step {
            reply.details = String::from_utf8_lossy(details).into_owned();
        }
        Some(returned)
    }

    /// Notes how much of its quota a request leaves, if a rate limit filter reports it.
    pub(in crate::gate) fn note_left(&mut self, headers: &Headers) {
        if !headers.has("x-ratelimit-remaining") {
            return;
        }
        let limit = RateLimit::of(headers);
        if let Some(share) = limit.share_left() {
            let label = self.limit_labels.label(limit.name.as_deref());
            let name = metrics::quota_left(label);
            self.notices.push(Notice::Observe(name.into(), share));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_limits_are_bounded() {
        let mut labels = LimitLabels::default();
        assert_eq!(labels.label(None), UNNAMED);
        let names: Vec<String> = (0..100).map(|number| format!("limit-{number}")).collect();
        for round in 0..2 {
            for (number, name) in names.iter().enumerate() {
                let expected = if number < MOST_LABELS { name } else { OTHER };
                assert_eq!(labels.label(Some(name)), expected, "round {round}");
            }
        }
    }
}
