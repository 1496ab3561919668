//! Why a command cannot do its work: errors with their places.

use crate::deployment::filters::Filter;
use crate::deployment::load::Unusable;
use crate::deployment::{Document, Place};
use crate::input::{self, INVALID, UNREADABLE};
use crate::report;
use entragate::config::{ConfigError, ConfigErrors, Problem};
use std::process::ExitCode;

#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: u8,
    pub errors: Vec<FailureError>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct FailureError {
    /// The option, or the file and line.
    pub about: String,
    pub text: String,
}

impl Failure {
    pub fn of(status: u8, about: &str, text: impl Into<String>) -> Self {
        let error = FailureError {
            about: about.to_owned(),
            text: text.into(),
        };
        Self {
            status,
            errors: vec![error],
        }
    }

    /// Files that cannot be used.
    pub fn unusable(files: Vec<Unusable>) -> Self {
        Self {
            status: files
                .iter()
                .map(|file| file.status)
                .max()
                .unwrap_or(UNREADABLE),
            errors: files.into_iter().map(FailureError::from).collect(),
        }
    }

    /// An error in a document.
    pub fn invalid(document: &Document, path: &str, text: &str) -> Self {
        let text = match path {
            "" => text.to_owned(),
            path => format!("{path}: {text}"),
        };
        Self::at(&document.place(path), text)
    }

    /// An error at a place of a file.
    pub fn at(place: &Place, text: impl Into<String>) -> Self {
        Self::of(INVALID, &at_line(&place.file, place.line), text)
    }

    /// The errors of a filter's configuration.
    pub fn invalid_filter(filter: &Filter<'_>, errors: &ConfigErrors) -> Self {
        let members = filter.configuration.members().unwrap_or_default();
        let error = |error: &ConfigError| {
            let place = filter.at(&error.path);
            let item = input::item_at(&members, &error.path).map(|item| format!("[{item}] "));
            FailureError {
                about: at_line(place.file, place.line),
                text: format!("{}{error}", item.unwrap_or_default()),
            }
        };
        Self {
            status: INVALID,
            errors: errors.iter().map(error).collect(),
        }
    }

    /// The errors of a filter's configuration, for a command that itself needs the environment variables.
    pub fn invalid_here(filter: &Filter<'_>, errors: &ConfigErrors) -> Self {
        let mut failure = Self::invalid_filter(filter, errors);
        for (shown, error) in failure.errors.iter_mut().zip(errors) {
            if let Problem::MissingVariable { name } = &error.problem {
                let path = &error.path;
                shown.text =
                    format!("{path}: the environment variable \"{name}\" is not set; set it");
            }
        }
        failure
    }

    /// Prints the errors, and returns the exit status.
    pub fn report(self) -> ExitCode {
        for FailureError { about, text } in self.errors {
            report::error(&about, &text);
        }
        ExitCode::from(self.status)
    }
}

impl From<Unusable> for FailureError {
    fn from(file: Unusable) -> Self {
        Self {
            about: at_line(&file.file, file.line),
            text: file.message,
        }
    }
}

/// A place in a file, such as `envoy.yaml:12`.
fn at_line(file: impl std::fmt::Display, line: Option<u64>) -> String {
    line.map_or_else(|| file.to_string(), |line| format!("{file}:{line}"))
}
