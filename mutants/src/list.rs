//! Reads the output of `cargo mutants --list --json`.

use serde::Deserialize;

#[derive(Deserialize)]
pub struct Mutant {
    /// From 1; 0 means no mutant.
    #[serde(skip)]
    pub id: usize,
    pub name: String,
    pub file: String,
    pub genre: Genre,
    pub replacement: String,
    pub span: Span,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
pub enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
    #[serde(other)]
    Other,
}

/// The replaced text; the end is exclusive.
#[derive(Deserialize)]
pub struct Span {
    pub start: Position,
    pub end: Position,
}

/// Line and column count from one; columns are characters.
#[derive(Deserialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Mutant {
    /// The expression that is true if this mutant is enabled.
    pub fn condition(&self) -> String {
        format!("crate::mutant::is({})", self.id)
    }

    /// Returns its file with this change only.
    pub fn applied(&self, source: &str) -> String {
        let (start, end) = (self.span.start.offset(source), self.span.end.offset(source));
        [&source[..start], &self.replacement, &source[end..]].concat()
    }
}

impl Position {
    fn offset(&self, source: &str) -> usize {
        let before: usize = source
            .split_inclusive('\n')
            .take(self.line - 1)
            .map(str::len)
            .sum();
        let mut characters = source[before..].char_indices();
        let at = characters.nth(self.column - 1);
        at.map_or(source.len(), |(at, _)| before + at)
    }
}

pub fn read(json: &[u8]) -> Vec<Mutant> {
    let mut mutants: Vec<Mutant> =
        serde_json::from_slice(json).expect("the list has the format of cargo-mutants");
    for (index, mutant) in mutants.iter_mut().enumerate() {
        mutant.id = index + 1;
    }
    mutants
}
