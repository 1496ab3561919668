//! Durations in the configuration's format: `500ms`, `5s`, `10m`, `24h`.

use super::super::node::{Node, Shape};
use super::super::problem::Problem;
use std::fmt;
use std::time::Duration;

/// A duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Span(pub Duration);

impl Span {
    /// Parses an integer without leading zeros and one unit. `0s` is valid.
    pub(in crate::config) fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        if number.len() > 1 && number.starts_with('0') {
            return None;
        }
        let number: u64 = number.parse().ok()?;
        let millis = number.checked_mul(match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        })?;
        Some(Self(Duration::from_millis(millis)))
    }
}

impl Shape for Span {
    fn read(node: Node<'_>) -> Option<Self> {
        let Some(text) = node.text() else {
            return node.wrong_type("a duration such as 5s");
        };
        match Self::parse(text) {
            Some(span) => Some(span),
            None => node.refuse(Problem::NotDuration {
                text: text.to_owned(),
            }),
        }
    }

    fn empty() -> Self {
        Self(Duration::ZERO)
    }
}

#[cfg(not(target_family = "wasm"))]
impl schemars::JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An integer and a unit: 500ms, 5s, 10m or 24h.",
            "type": "string",
            "pattern": "^(0|[1-9][0-9]*)(ms|s|m|h)$",
        })
    }
}

/// Displays a duration in the configuration's format.
pub(in crate::config) struct Shown(pub Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
            if millis >= unit && millis.is_multiple_of(unit) {
                return write!(f, "{}{name}", millis / unit);
            }
        }
        write!(f, "{millis}ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_an_integer_and_one_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("10m", 600_000),
            ("24h", 86_400_000),
            ("0s", 0),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!(span, Span(Duration::from_millis(millis)), "{text}");
            if millis > 0 {
                let shown = Shown(span.0).to_string();
                assert_eq!(Span::parse(&shown), Some(span), "{shown}");
            }
        }
        for text in [
            "",
            "5",
            "s",
            "5 s",
            " 5s",
            "-5s",
            "+5s",
            "5.5s",
            "05s",
            "5S",
            "5d",
            "1h30m",
            "٥s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
