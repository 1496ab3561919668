//! Filter state: the values of a decision that Envoy's access log, tracer and rate limits can read.

/// One value of filter state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateValue {
    Code,
    Rule,
    Oid,
    Client,
    Model,
    PromptTokens,
    CompletionTokens,
    TotalTokens,
}

impl StateValue {
    pub const ALL: [Self; 8] = [
        Self::Code,
        Self::Rule,
        Self::Oid,
        Self::Client,
        Self::Model,
        Self::PromptTokens,
        Self::CompletionTokens,
        Self::TotalTokens,
    ];

    /// Returns the name that the filter sets; Envoy shows it as `wasm.<name>`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "entragate.code",
            Self::Rule => "entragate.rule",
            Self::Oid => "entragate.oid",
            Self::Client => "entragate.client",
            Self::Model => "entragate.model",
            Self::PromptTokens => "entragate.prompt_tokens",
            Self::CompletionTokens => "entragate.completion_tokens",
            Self::TotalTokens => "entragate.total_tokens",
        }
    }

    /// Whether the value is a number of tokens, which is known when the response has ended.
    pub fn counts_tokens(self) -> bool {
        matches!(
            self,
            Self::PromptTokens | Self::CompletionTokens | Self::TotalTokens
        )
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The values that the filter sets. Each costs a host call per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterState(u8);

impl FilterState {
    pub const ALL: Self = Self(u8::MAX);
    pub const NONE: Self = Self(0);

    pub fn has(self, value: StateValue) -> bool {
        self.0 & value.bit() != 0
    }
}

impl FromIterator<StateValue> for FilterState {
    fn from_iter<I: IntoIterator<Item = StateValue>>(values: I) -> Self {
        let add = |all, value: StateValue| all | value.bit();
        Self(values.into_iter().fold(0, add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_has_exactly_the_selected_values() {
        for chosen in StateValue::ALL {
            let state = FilterState::from_iter([chosen]);
            for value in StateValue::ALL {
                assert_eq!(state.has(value), value == chosen, "{chosen:?}, {value:?}");
                assert!(FilterState::ALL.has(value) && !FilterState::NONE.has(value));
            }
        }
    }
}
