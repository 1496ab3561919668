//! Names of issuers, credentials and rules, and references to them.

use super::super::error::{Findings, Reported};
use super::super::path;
use super::super::problem::Problem;
use super::super::suggest;
use std::collections::BTreeMap;

const MAX_BYTES: usize = 63;

/// Checks the names of one section: their characters, and that they are unique.
pub(super) fn check<'w>(
    section: &str,
    names: impl Iterator<Item = &'w str>,
    findings: &mut Findings,
) {
    let mut seen = BTreeMap::new();
    for (index, name) in names.enumerate() {
        let entry = path::item(section, index);
        let at = path::member(&entry, "name");
        if !is_name(name) {
            findings.add(
                at,
                Problem::BadName {
                    name: name.to_owned(),
                },
            );
        } else if let Some(first) = seen.get(name) {
            findings.add(
                at,
                Problem::DuplicateName {
                    first: path::item(section, *first),
                },
            );
        }
        seen.entry(name).or_insert(index);
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}

/// Names that can be referred to.
pub(super) struct Names<'w> {
    /// The kind of item, such as `credential`; the section has the plural form.
    kind: &'static str,
    section: &'static str,
    names: Vec<&'w str>,
}

impl<'w> Names<'w> {
    pub(super) fn issuers(names: impl Iterator<Item = &'w str>) -> Self {
        Self {
            kind: "issuer",
            section: "issuers",
            names: names.collect(),
        }
    }

    pub(super) fn credentials(names: impl Iterator<Item = &'w str>) -> Self {
        Self {
            kind: "credential",
            section: "credentials",
            names: names.collect(),
        }
    }

    /// Returns the index of the name.
    pub(super) fn find(
        &self,
        name: &str,
        at: &str,
        findings: &mut Findings,
    ) -> Result<usize, Reported> {
        if let Some(index) = self.names.iter().position(|known| *known == name) {
            return Ok(index);
        }
        if let Some(reported) = findings.lost_names(self.section) {
            return Err(reported);
        }
        let suggestion = suggest::nearest(name, self.names.iter().copied()).map(str::to_owned);
        let (kind, name) = (self.kind, name.to_owned());
        Err(findings.add(
            at,
            Problem::UnknownReference {
                kind,
                name,
                suggestion,
            },
        ))
    }
}
