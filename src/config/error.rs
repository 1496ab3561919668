//! The errors of an invalid configuration, and the list that collects them.

use super::path;
use super::problem::Problem;
use std::collections::BTreeSet;
use std::fmt;

/// One error of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path, such as `rules[2].credential`; empty for the whole configuration.
    pub path: String,
    pub problem: Problem,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => write!(f, "{}", self.problem),
            false => write!(f, "{}: {}", self.path, self.problem),
        }
    }
}

impl std::error::Error for ConfigError {}

/// All errors of a configuration, at least one, ordered by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn whole(problem: Problem) -> Self {
        Self(vec![ConfigError {
            path: String::new(),
            problem,
        }])
    }

    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Displays one error per line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "\n" };
            write!(f, "{before}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The errors found so far, without errors that are only a consequence of another error.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<ConfigError>,
    /// Paths of values that could not be read. Errors inside them are not reported.
    lost: BTreeSet<String>,
}

/// Proof that an error was added to the findings, which allows the holder to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported(());

impl Findings {
    pub(super) fn add(&mut self, path: impl Into<String>, problem: Problem) -> Reported {
        let error = ConfigError {
            path: path.into(),
            problem,
        };
        if !self.is_lost(&error.path) && !self.errors.contains(&error) {
            self.errors.push(error);
        }
        Reported(())
    }

    /// Whether a field is unknown because its name is mistyped or its value could not be read.
    pub(super) fn unsure(&self, object: &str, field: &str) -> Option<Reported> {
        let unsure = self.is_mistyped(object, field) || self.is_lost(&path::member(object, field));
        unsure.then_some(Reported(()))
    }

    /// Adds the error that a field is missing, unless it is present under a mistyped name.
    pub(super) fn absent(&mut self, object: &str, field: &str, problem: Problem) -> Reported {
        match self.is_mistyped(object, field) {
            true => Reported(()),
            false => self.add(path::member(object, field), problem),
        }
    }

    /// Adds the error that a value could not be read, and suppresses further errors about it.
    pub(super) fn lose(&mut self, at: String, problem: Problem) {
        let (object, field) = (path::parent(&at), at.rsplit('.').next().unwrap_or_default());
        if problem != Problem::Missing || !self.is_mistyped(object, field) {
            self.add(at.clone(), problem);
        }
        self.lost.insert(at);
    }

    /// Adds the error that none or several of the fields are set, although exactly one is required.
    pub(super) fn exactly_one<const N: usize>(
        &mut self,
        object: &str,
        of: &'static [&'static str; N],
        given: [bool; N],
    ) -> Reported {
        let found = of.iter().zip(given).filter(|(_, given)| *given);
        let found: Vec<_> = found.map(|(name, _)| *name).collect();
        let tried = |field: &&str| self.unsure(object, field).is_some();
        match found.is_empty() && of.iter().any(tried) {
            true => Reported(()),
            false => self.add(object, Problem::ExactlyOne { of, found }),
        }
    }

    /// Whether a name of a section may be unknown because of errors found earlier.
    pub(super) fn lost_names(&self, section: &str) -> Option<Reported> {
        let entry = |at: &str| path::parent(at) == section;
        let name = |at: &str| at.strip_suffix(".name").is_some_and(entry);
        let lost = |at: &String| path::is_within(section, at) || entry(at) || name(at);
        (self.is_mistyped("", section) || self.lost.iter().any(lost)).then_some(Reported(()))
    }

    pub(super) fn len(&self) -> usize {
        self.errors.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn into_errors(mut self) -> ConfigErrors {
        self.errors.sort_by(|a, b| path::compare(&a.path, &b.path));
        ConfigErrors(self.errors)
    }

    fn is_lost(&self, at: &str) -> bool {
        self.lost.iter().any(|lost| path::is_within(at, lost))
    }

    fn is_mistyped(&self, object: &str, field: &str) -> bool {
        self.errors.iter().any(|error| match &error.problem {
            Problem::UnknownField { suggestion, .. } => {
                *suggestion == Some(field) && path::parent(&error.path) == object
            }
            _ => false,
        })
    }
}
