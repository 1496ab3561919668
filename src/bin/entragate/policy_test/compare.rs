//! Comparisons with another configuration, as the policy file writes them.

use crate::chosen::{self, Chosen};
use crate::prove::assertion::{Counterexample, Verdict};
use crate::prove::comparable::Side;
use crate::prove::compare::{Comparison, Difference, Which};
use crate::prove::search::Search;
use serde::Deserialize;
use std::path::PathBuf;

/// An item of `compare`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    pub name: String,
    /// A configuration, relative to the policy file.
    no_wider_than: Option<String>,
    equivalent_to: Option<String>,
}

/// A comparison and its place.
pub struct Compare {
    pub name: String,
    /// The path in the policy file.
    pub at: String,
    old: Chosen,
    /// Whether requests that only the other configuration permits also count as differences.
    both_ways: bool,
}

impl Compare {
    /// Loads the other configuration. `path_of` returns the path of a file relative to the policy file.
    ///
    /// # Errors
    /// What is wrong.
    pub fn load(wire: Wire, at: String, path_of: &dyn Fn(&str) -> PathBuf) -> Result<Self, String> {
        let (file, both_ways) = match (&wire.no_wider_than, &wire.equivalent_to) {
            (Some(file), None) => (file, false),
            (None, Some(file)) => (file, true),
            _ => return Err("must have either `no_wider_than` or `equivalent_to`".to_owned()),
        };
        let path = path_of(file);
        let old = chosen::load(&path.to_string_lossy(), None).map_err(|failure| {
            let texts = failure
                .errors
                .iter()
                .map(|error| format!("{}: {}", error.about, error.text));
            texts.collect::<Vec<_>>().join("; ")
        })?;
        Ok(Self {
            name: wire.name,
            at,
            old,
            both_ways,
        })
    }

    pub fn verdict(&self, new: &Chosen) -> Verdict {
        let mut comparison = Comparison::new(sides(new), sides(&self.old));
        let gained = comparison.more(Which::First);
        let lost = match (&gained, self.both_ways) {
            (Search::Found(_), _) | (_, false) => Search::Nothing,
            (_, true) => comparison.more(Which::Second),
        };
        match (gained, lost) {
            (Search::Found(found), _) | (_, Search::Found(found)) => refuted(found),
            (Search::Nothing, Search::Nothing) => Verdict::Proved,
            (Search::Undecided, _) | (_, Search::Undecided) => Verdict::Undecided,
        }
    }
}

fn sides(chosen: &Chosen) -> Side<'_> {
    Side {
        config: &chosen.config,
        members: &chosen.members,
    }
}

fn refuted(found: Difference) -> Verdict {
    Verdict::Refuted(Box::new(Counterexample {
        witness: found.witness,
        answer: found.permit,
        other: Some(found.other),
    }))
}
