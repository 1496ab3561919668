//! A text of the request, such as its path: the patterns that it matches, and the relations between the patterns.

use crate::prove::glob::{Found, Glob, search};
use crate::prove::solver::{Lit, Solver};
use entragate::pattern::Pattern;
use std::collections::HashMap;

/// The form of all texts, independent of the patterns.
pub struct Form {
    pub separator: char,
    /// No text matches these patterns, so proofs may rely on it.
    pub never: &'static [&'static str],
    /// Texts that counterexamples use match all of these patterns.
    pub written: &'static [&'static str],
    /// Texts that counterexamples use match none of these patterns.
    pub unwritten: &'static [&'static str],
    /// Additional texts that counterexamples may use.
    pub special: &'static [&'static str],
}

pub struct Texts {
    pub(super) form: Form,
    pub(super) atoms: Vec<Atom>,
    known: HashMap<(String, bool), usize>,
}

/// A pattern that a configuration contains.
pub(super) struct Atom {
    /// The pattern as an automaton, for searches.
    pub glob: Glob,
    pub pattern: Pattern,
    /// The pattern is compared with the text in lower case.
    pub folds: bool,
    /// True if the text matches.
    pub literal: Lit,
}

impl Atom {
    /// Returns the literal prefix of all texts that match.
    pub fn beginning(&self) -> &str {
        let text = self.pattern.as_str();
        text.split('*').next().unwrap_or_default()
    }

    /// Returns whether a text matches.
    pub fn matches(&self, text: &str) -> bool {
        if self.folds {
            self.pattern.matches(&text.to_lowercase())
        } else {
            self.pattern.matches(text)
        }
    }
}

/// A text for an assignment, or why there is none.
pub enum Chosen {
    Text(String),
    /// No text has these values.
    Impossible(Vec<Lit>),
    Unknown,
}

impl Texts {
    pub fn new(form: Form) -> Self {
        Self {
            form,
            atoms: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// The variable that is true if the text matches the pattern.
    pub fn matches(&mut self, solver: &mut Solver, text: &str, folds: bool) -> Lit {
        if let Some(known) = self.known.get(&(text.to_owned(), folds)) {
            return self
                .atoms
                .get(*known)
                .map_or(solver.never(), |atom| atom.literal);
        }
        let literal = solver.variable();
        self.known
            .insert((text.to_owned(), folds), self.atoms.len());
        self.atoms.push(Atom {
            glob: Glob::of(text, folds),
            pattern: match self.form.separator {
                '.' => Pattern::host(text),
                _ => Pattern::path(text),
            },
            folds,
            literal,
        });
        literal
    }

    /// The variable of a pattern that already exists.
    pub fn known(&self, text: &str, folds: bool) -> Option<Lit> {
        let at = self.known.get(&(text.to_owned(), folds))?;
        self.atoms.get(*at).map(|atom| atom.literal)
    }

    /// Returns whether the text would match each pattern, of any length.
    pub fn values_of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (Lit, bool)> + 'a {
        self.atoms
            .iter()
            .map(|atom| (atom.literal, atom.matches(text)))
    }

    /// The variables of all patterns.
    pub fn literals(&self) -> impl Iterator<Item = Lit> {
        self.atoms.iter().map(|atom| atom.literal)
    }

    /// Chooses a text with these values of some patterns.
    pub fn choose(&self, values: &HashMap<Lit, bool>) -> Chosen {
        let value = |atom: &&Atom| values.get(&atom.literal).copied();
        let with: Vec<&Atom> = self
            .atoms
            .iter()
            .filter(|atom| value(atom) == Some(true))
            .collect();
        let without: Vec<&Atom> = self
            .atoms
            .iter()
            .filter(|atom| value(atom) == Some(false))
            .collect();
        let globs = |texts: &[&str]| -> Vec<Glob> {
            texts.iter().map(|text| Glob::of(text, false)).collect()
        };
        let (form_with, form_without) = (
            globs(self.form.written),
            globs(&[self.form.never, self.form.unwritten].concat()),
        );
        match self.refine(&with, &without, &form_with, &form_without) {
            Refined::Text(text) => return Chosen::Text(text),
            Refined::Unknown => return Chosen::Unknown,
            Refined::Nothing(_) => {}
        }
        let is_chosen = |text: &&&str| {
            let has = |atom: &&Atom| atom.matches(text);
            with.iter().all(has) && !without.iter().any(has)
        };
        if let Some(text) = self.form.special.iter().find(is_chosen) {
            return Chosen::Text((*text).to_owned());
        }
        // No text that a counterexample can use. This is a proof only if no text of any form exists.
        match self.refine(&with, &without, &[], &globs(self.form.never)) {
            Refined::Text(_) | Refined::Unknown => Chosen::Unknown,
            Refined::Nothing(used) => {
                let with = with.iter().map(|atom| atom.literal);
                let without = used.iter().map(|atom| !atom.literal);
                Chosen::Impossible(with.chain(without).collect())
            }
        }
    }

    /// Searches with only some of the patterns that the text must not match, and adds those that the found text
    /// matches.
    fn refine<'a>(
        &self,
        with: &[&Atom],
        without: &[&'a Atom],
        form_with: &[Glob],
        form_without: &[Glob],
    ) -> Refined<'a> {
        let separator = self.form.separator;
        let with: Vec<&Glob> = with
            .iter()
            .map(|atom| &atom.glob)
            .chain(form_with)
            .collect();
        let mut used: Vec<&'a Atom> = Vec::new();
        let mut form_used: Vec<&Glob> = Vec::new();
        loop {
            let own = used.iter().map(|atom| &atom.glob);
            let avoided: Vec<&Glob> = own.chain(form_used.iter().copied()).collect();
            let text = match search(&with, &avoided, separator) {
                Found::Text(text) => text,
                Found::Nothing => return Refined::Nothing(used),
                Found::Unknown => return Refined::Unknown,
            };
            let before = (used.len(), form_used.len());
            let broken = without.iter().find(|atom| atom.matches(&text));
            used.extend(broken);
            let broken = form_without
                .iter()
                .find(|glob| glob.matches(&text, separator));
            form_used.extend(broken);
            if (used.len(), form_used.len()) == before {
                return Refined::Text(text);
            }
        }
    }
}

enum Refined<'a> {
    Text(String),
    /// Every text that matches `with` matches one of these.
    Nothing(Vec<&'a Atom>),
    Unknown,
}
