//! A text of the request, such as its path: which patterns it matches, and what the patterns have to do with each other.

use crate::prove::glob::{Found, Glob, search};
use crate::prove::solver::{Lit, Solver};
use entragate::pattern::{Key, Pattern};
use std::collections::{BTreeMap, HashMap};

/// What texts are like, whatever the patterns.
pub struct Form {
    pub separator: char,
    /// No text matches these patterns, so proofs may rely on it.
    pub never: &'static [&'static str],
    /// Texts that are written in a request match all of these.
    pub written: &'static [&'static str],
    /// They match none of these.
    pub unwritten: &'static [&'static str],
    /// Further texts that are written in a request.
    pub special: &'static [&'static str],
}

pub struct Texts {
    form: Form,
    atoms: Vec<Atom>,
    known: HashMap<(String, bool), usize>,
}

struct Atom {
    glob: Glob,
    text: String,
    folds: bool,
    literal: Lit,
}

/// A text for an assignment, or why there is none.
pub enum Chosen {
    Text(String),
    /// No text has these values.
    Impossible(Vec<Lit>),
    Unknown,
}

/// How many pairs of patterns are compared in advance. The others are compared when an assignment contradicts them.
const MOST_COMPARISONS: usize = 3000;

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
            glob: Glob::new(text, folds),
            text: text.to_owned(),
            folds,
            literal,
        });
        literal
    }

    /// The variable of a pattern that was mentioned before.
    pub fn known(&self, text: &str, folds: bool) -> Option<Lit> {
        let at = self.known.get(&(text.to_owned(), folds))?;
        self.atoms.get(*at).map(|atom| atom.literal)
    }

    /// Returns whether the text would match each pattern, of any length.
    pub fn values_of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (Lit, bool)> + 'a {
        let lower = text.to_lowercase();
        self.atoms.iter().map(move |atom| {
            let text = if atom.folds { &lower } else { text };
            (atom.literal, self.pattern(atom).matches(text))
        })
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
            texts.iter().map(|text| Glob::new(text, false)).collect()
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
            let has = |atom: &&Atom| atom.glob.matches(text, self.form.separator);
            with.iter().all(has) && !without.iter().any(has)
        };
        if let Some(text) = self.form.special.iter().find(is_chosen) {
            return Chosen::Text((*text).to_owned());
        }
        // Nothing that can be written in a request. That proves something only if no text of any form exists.
        match self.refine(&with, &without, &[], &globs(self.form.never)) {
            Refined::Text(_) | Refined::Unknown => Chosen::Unknown,
            Refined::Nothing(used) => {
                let with = with.iter().map(|atom| atom.literal);
                let without = used.iter().map(|atom| !atom.literal);
                Chosen::Impossible(with.chain(without).collect())
            }
        }
    }

    /// Searches with few of the patterns that the text must not match, and adds those that it matches nevertheless.
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
            let broken = without
                .iter()
                .find(|atom| atom.glob.matches(&text, separator));
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

    /// Adds what follows from the patterns alone: a text has only one beginning, and matches every pattern that another
    /// pattern implies.
    pub fn relate(&self, solver: &mut Solver) {
        self.relate_beginnings(solver);
        let beginnings: Vec<[String; 2]> = self.atoms.iter().map(beginnings).collect();
        let separator = self.form.separator;
        let mut comparisons = 0;
        for (at, (one, own)) in self.atoms.iter().zip(&beginnings).enumerate() {
            for (other_at, (other, others)) in self.atoms.iter().zip(&beginnings).enumerate() {
                let case = usize::from(one.folds != other.folds);
                let may_share = at != other_at && may_share(&own[case], &others[case]);
                if !may_share || comparisons >= MOST_COMPARISONS {
                    continue;
                }
                comparisons += 1;
                if search(&[&one.glob], &[&other.glob], separator) == Found::Nothing {
                    solver.require(&[!one.literal, other.literal]);
                } else if at < other_at
                    && search(&[&one.glob, &other.glob], &[], separator) == Found::Nothing
                {
                    solver.require(&[!one.literal, !other.literal]);
                }
            }
        }
    }

    /// Patterns that begin with different literal segments exclude each other.
    fn relate_beginnings(&self, solver: &mut Solver) {
        // Variables for literal beginnings, and the siblings below each of them.
        let mut beginnings: HashMap<(String, bool), Lit> = HashMap::new();
        let mut siblings: BTreeMap<(String, bool), Vec<Lit>> = BTreeMap::new();
        for atom in &self.atoms {
            let pattern = self.pattern(atom);
            let mut below = atom.literal;
            let mut rest = match pattern.key() {
                Some(Key::Whole(text)) => {
                    // A whole text, which cannot end with the separator of a longer beginning.
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
        // A text that begins so, begins so in lower case, too.
        for ((text, folds), beginning) in &beginnings {
            let lower = (text.to_ascii_lowercase(), true);
            if let (false, true, Some(folded)) = (folds, text.is_ascii(), beginnings.get(&lower)) {
                solver.require(&[!*beginning, *folded]);
            }
        }
    }

    fn pattern(&self, atom: &Atom) -> Pattern {
        match self.form.separator {
            '.' => Pattern::host(&atom.text),
            _ => Pattern::path(&atom.text),
        }
    }
}

enum Refined<'a> {
    Text(String),
    /// No text matches the patterns and avoids these.
    Nothing(Vec<&'a Atom>),
    Unknown,
}

/// The text up to its last separator, which is included; empty if there is none.
fn parent(text: &str, separator: char) -> String {
    let at = text
        .rfind(separator)
        .map_or(0, |at| at + separator.len_utf8());
    text.get(..at).unwrap_or_default().to_owned()
}

/// The literal beginning of a pattern, as written and in lower case.
fn beginnings(atom: &Atom) -> [String; 2] {
    let text = atom.text.split('*').next().unwrap_or_default();
    [text.to_owned(), text.to_lowercase()]
}

/// Returns whether a text may have both beginnings.
fn may_share(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}
