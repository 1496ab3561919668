//! Token usage of responses, counted by model.

use crate::audit::Record;
use crate::gate::{Gate, Notice};
use crate::metrics;

impl Gate {
    /// Counts the tokens of a response under the label of the requested model, or else of the model that
    /// the response names. Interrupted responses count too, since they are billed.
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
}
