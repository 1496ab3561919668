//! The error that serde is given to raise: typed, and told where it is on its way out.

use super::super::path;
use super::super::problem::Problem;
use super::super::suggest;
use serde::de;
use std::fmt;

/// The first thing that does not fit.
#[derive(Debug)]
pub(super) struct ReadError {
    /// `None` until the innermost place that knows where it is has added it.
    path: Option<String>,
    /// The missing member, below the path.
    member: Option<&'static str>,
    problem: Problem,
}

impl ReadError {
    pub(super) fn new(problem: Problem) -> Self {
        Self {
            path: None,
            member: None,
            problem,
        }
    }

    /// Says where, unless an inner place has.
    pub(super) fn at(mut self, path: &str) -> Self {
        if self.path.is_none() {
            self.path = Some(match self.member {
                Some(name) => path::member(path, name),
                None => path.to_owned(),
            });
        }
        self
    }

    /// Where, and what.
    pub(super) fn into_parts(self) -> (String, Problem) {
        (self.path.unwrap_or_default(), self.problem)
    }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Unreadable(message.to_string()))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let suggestion = suggest::nearest(field, expected.iter().copied());
        Self::new(Problem::UnknownField {
            expected,
            suggestion,
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            member: Some(field),
            ..Self::new(Problem::Missing)
        }
    }

    /// Only a text that should be a duration comes here; see `wire::span`.
    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match unexpected {
            de::Unexpected::Str(text) => Self::new(Problem::NotDuration {
                text: text.to_owned(),
            }),
            _ => Self::new(Problem::Unreadable(format!("must be {expected}"))),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for ReadError {}
