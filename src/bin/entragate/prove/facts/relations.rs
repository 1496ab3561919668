//! The relations between patterns. They are added in advance, so that the solver proposes few assignments that no text
//! has.

use super::texts::{Atom, Texts};
use crate::prove::glob::{Found, search};
use crate::prove::solver::{Lit, Solver};
use entragate::pattern::Key;
use std::collections::BTreeMap;

/// The maximum number of pairs of patterns of one text that are compared. Other pairs are compared when an assignment
/// contradicts them.
const MOST_PAIRS: usize = 20_000;
/// The maximum number of pairs that are compared by a search.
const MOST_SEARCHES: usize = 1000;

impl Texts {
    /// Adds the constraints that follow from the patterns alone: a text has only one prefix, and if it matches a
    /// pattern, it matches every pattern that this pattern implies.
    pub fn relate(&self, solver: &mut Solver) {
        self.relate_beginnings(solver);
        let mut others = self.pairs();
        others.retain(|(one, other)| {
            !self.relate_simple(solver, one, other) && !self.relate_simple(solver, other, one)
        });
        for (one, other) in others.into_iter().take(MOST_SEARCHES) {
            self.relate_by_search(solver, one, other);
        }
    }

    /// The pairs of patterns that the same text may match, judged by their prefixes.
    fn pairs(&self) -> Vec<(&Atom, &Atom)> {
        // In sorted order, a prefix is followed by the longer prefixes that begin with it.
        let mut sorted: Vec<(String, &Atom)> = self
            .atoms
            .iter()
            .map(|atom| (atom.beginning().to_lowercase(), atom))
            .collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut left = sorted.iter();
        let each = std::iter::from_fn(|| left.next().map(|first| (first, left.clone())));
        let pairs = each.flat_map(|((beginning, one), others)| {
            others
                .take_while(move |(other, _)| other.starts_with(beginning))
                .map(move |(_, other)| (*one, *other))
        });
        let may_share = |(one, other): &(&Atom, &Atom)| {
            one.folds != other.folds || other.beginning().starts_with(one.beginning())
        };
        pairs.filter(may_share).take(MOST_PAIRS).collect()
    }

    /// Relates two patterns if the first one has no stars, or if the other one matches everything with a prefix that
    /// the first one begins with. Returns whether this is the case.
    fn relate_simple(&self, solver: &mut Solver, one: &Atom, other: &Atom) -> bool {
        let (own, others) = (one.pattern.as_str(), other.pattern.as_str());
        // A pattern that ignores case matches several texts, which a case-sensitive pattern distinguishes.
        if !own.contains('*') && (!one.folds || other.folds) {
            let implied = if other.matches(own) {
                other.literal
            } else {
                !other.literal
            };
            solver.require(&[!one.literal, implied]);
            return true;
        }
        let is_implied = one.folds == other.folds
            && others.strip_suffix("**") == Some(other.beginning())
            && one.beginning().starts_with(other.beginning());
        if is_implied {
            solver.require(&[!one.literal, other.literal]);
        }
        is_implied
    }

    fn relate_by_search(&self, solver: &mut Solver, one: &Atom, other: &Atom) {
        let is_empty = |with: &[&Atom], without: &[&Atom]| {
            let [with, without] = [with, without]
                .map(|atoms| atoms.iter().map(|atom| &atom.glob).collect::<Vec<_>>());
            search(&with, &without, self.form.separator) == Found::Nothing
        };
        let mut is_related = false;
        for (one, other) in [(one, other), (other, one)] {
            if is_empty(&[one], &[other]) {
                solver.require(&[!one.literal, other.literal]);
                is_related = true;
            }
        }
        if !is_related && is_empty(&[one, other], &[]) {
            solver.require(&[!one.literal, !other.literal]);
        }
    }

    /// Adds that patterns with different literal segments at the beginning exclude each other.
    fn relate_beginnings(&self, solver: &mut Solver) {
        // Variables for literal prefixes, and the siblings below each of them.
        let mut beginnings: BTreeMap<(String, bool), Lit> = BTreeMap::new();
        let mut siblings: BTreeMap<(String, bool), Vec<Lit>> = BTreeMap::new();
        for atom in &self.atoms {
            let mut below = atom.literal;
            let mut rest = match atom.pattern.key() {
                Some(Key::Whole(text)) => {
                    // A whole text, which cannot end with the separator of a longer prefix.
                    let parent = parent(text, self.form.separator);
                    siblings
                        .entry((parent.clone(), atom.folds))
                        .or_default()
                        .push(below);
                    parent
                }
                Some(Key::Prefix(text)) => text.to_owned(),
                None => continue,
            };
            while !rest.is_empty() {
                let key = (rest.clone(), atom.folds);
                if let Some(known) = beginnings.get(&key) {
                    solver.require(&[!below, *known]);
                    break;
                }
                let beginning = solver.auxiliary();
                solver.require(&[!below, beginning]);
                beginnings.insert(key, beginning);
                // One separator less, since `a//b` begins with `a/` and with `a//`.
                let shorter = rest.strip_suffix(self.form.separator).unwrap_or_default();
                let above = parent(shorter, self.form.separator);
                siblings
                    .entry((above.clone(), atom.folds))
                    .or_default()
                    .push(beginning);
                (below, rest) = (beginning, above);
            }
        }
        for siblings in siblings.into_values() {
            solver.at_most_one(&siblings);
        }
        // A text with this prefix also has it in lower case.
        for ((text, folds), beginning) in &beginnings {
            let lower = (text.to_ascii_lowercase(), true);
            if let (false, true, Some(folded)) = (folds, text.is_ascii(), beginnings.get(&lower)) {
                solver.require(&[!*beginning, *folded]);
            }
        }
    }
}

/// The text up to and including its last separator; empty if there is none.
fn parent(text: &str, separator: char) -> String {
    let at = text
        .rfind(separator)
        .map_or(0, |at| at + separator.len_utf8());
    text.get(..at).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
