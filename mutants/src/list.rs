//! What `cargo mutants --list --json` says.

use serde::Deserialize;

#[derive(Deserialize)]
pub struct Mutant {
    /// Its number; 0 is no mutant's.
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

#[derive(Deserialize)]
pub struct Span {
    pub start: Position,
}

/// Both count from one.
#[derive(Deserialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Mutant {
    /// The expression that is true where it is this one's turn.
    pub fn asked(&self) -> String {
        format!("crate::mutant::is({})", self.id)
    }
}

pub fn read(json: &[u8]) -> Vec<Mutant> {
    let mut mutants: Vec<Mutant> = serde_json::from_slice(json).expect("cargo-mutants' list");
    for (index, mutant) in mutants.iter_mut().enumerate() {
        mutant.id = index + 1;
    }
    mutants
}
