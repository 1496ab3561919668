//! Token usage of responses: counted by model, and charged by the host's rate limits.

use crate::audit::Record;
use crate::audit::filter_state::StateValue;
use crate::gate::{Exchange, Gate, Marks, Notice};
use crate::metrics;
use crate::usage::charge::Charge;

impl Gate {
    /// Counts the tokens of a response under the label of the requested model, or of the model that the response names
    /// if the requested model is unknown. Interrupted responses are also counted, since they are billed.
    pub(in crate::gate) fn count_tokens(&mut self, record: &Record) {
        let Some(usage) = &record.usage else {
            return;
        };
        let model = record.model.as_deref().or(usage.model.as_deref());
        let label = self.labels.label(model);
        let counts = [
            ("prompt", usage.prompt_tokens),
            ("completion", usage.completion_tokens),
            ("cached", usage.cached_tokens),
            ("reasoning", usage.reasoning_tokens),
        ];
        for (kind, tokens) in counts {
            if let Some(tokens) = tokens.filter(|tokens| *tokens > 0) {
                let name = metrics::tokens(label, kind);
                self.notices.push(Notice::Add(name.into(), tokens));
            }
        }
    }

    /// Returns the filter state with the tokens that are charged for a permitted request. A count of 0 is included,
    /// because Envoy logs an error if the number for a rate limit is missing.
    pub(in crate::gate) fn charge(&self, exchange: &Exchange) -> Marks {
        let state = self.config.audit.filter_state;
        let Some(metering) = self.config.usage.filter(|_| exchange.permitted) else {
            return Marks::new();
        };
        let record = &exchange.record;
        let unknown_tokens = if &*record.method == "POST" {
            metering.unknown_tokens
        } else {
            0
        };
        let usage = record.usage.as_ref();
        let charge = usage.map(|usage| Charge::of(usage, unknown_tokens));
        let charge = charge.unwrap_or_default();
        let tokens = [
            (StateValue::PromptTokens, charge.prompt_tokens),
            (StateValue::CompletionTokens, charge.completion_tokens),
            (StateValue::TotalTokens, charge.total_tokens),
        ];
        let chosen = tokens.into_iter().filter(|(value, _)| state.has(*value));
        chosen
            .map(|(value, tokens)| (value.name(), tokens.to_string().into()))
            .collect()
    }
}
