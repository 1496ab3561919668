//! One finding, and the list that collects findings.

use super::ids::Kind;
use crate::deployment::Place;
use serde_json::{Value, json};
use std::fmt;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A secret or the trust in keys is lost, or the filter does not start.
    Error,
    /// With `--strict`, treated as an error.
    Warning,
    /// Does not affect the exit status.
    Note,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One problem in a configuration or its deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: &'static Kind,
    pub place: Place,
    /// The name of the rule, cluster, route or credential.
    pub subject: Option<String>,
    /// The plugin's name, if there are several plugins and the finding is about the configuration of one of them.
    pub plugin: Option<String>,
    /// What is wrong; what to do.
    pub text: String,
    /// Whether the path is part of the message, as for paths within the plugin configuration.
    pub shows_path: bool,
}

impl Finding {
    pub fn json(&self) -> Value {
        json!({
            "file": self.place.file,
            "path": self.place.path,
            "line": self.place.line,
            "level": self.kind.level.name(),
            "id": self.kind.id,
            "name": self.subject,
            "plugin": self.plugin,
            "message": self.text,
        })
    }
}

/// `[plugin/name] path: message (id)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [&self.plugin, &self.subject].into_iter().flatten();
        let names: Vec<&str> = names.map(String::as_str).collect();
        if !names.is_empty() {
            write!(f, "[{}] ", names.join("/"))?;
        }
        if self.shows_path && !self.place.path.is_empty() {
            write!(f, "{}: ", self.place.path)?;
        }
        write!(f, "{} ({})", self.text, self.kind.id)
    }
}

/// A list of findings without duplicates.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// Adds a finding about the host's settings.
    pub fn add(
        &mut self,
        kind: &'static Kind,
        place: Place,
        subject: Option<&str>,
        text: impl Into<String>,
    ) {
        self.push(kind, place, subject, text.into(), false);
    }

    /// Adds a finding about the plugin configuration, whose path the message shows.
    pub fn add_inside(
        &mut self,
        kind: &'static Kind,
        place: Place,
        subject: Option<&str>,
        text: impl Into<String>,
    ) {
        self.push(kind, place, subject, text.into(), true);
    }

    fn push(
        &mut self,
        kind: &'static Kind,
        place: Place,
        subject: Option<&str>,
        text: String,
        shows_path: bool,
    ) {
        let finding = Finding {
            kind,
            place,
            subject: subject.map(str::to_owned),
            plugin: None,
            text,
            shows_path,
        };
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    /// Names the plugin in all findings about its configuration.
    pub fn name_plugin(&mut self, name: &str) {
        for finding in self.found.iter_mut().filter(|finding| finding.shows_path) {
            finding.plugin = Some(name.to_owned());
        }
    }

    pub fn has(&self, level: Level) -> bool {
        self.found.iter().any(|finding| finding.kind.level == level)
    }

    /// All findings, ordered by file and line.
    pub fn into_sorted(mut self, files: &[String]) -> Vec<Finding> {
        let file = |finding: &Finding| files.iter().position(|file| *file == finding.place.file);
        self.found
            .sort_by_key(|finding| (file(finding), finding.place.line, finding.kind.level));
        self.found
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        for finding in findings {
            if !self.found.contains(&finding) {
                self.found.push(finding);
            }
        }
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}
