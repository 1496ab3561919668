//! Patterns as automata, and the texts that match some patterns and not others.
//!
//! A pattern is a sequence of nodes: a literal character, `*` or `**`. The set of nodes that a text can reach is kept in
//! the bits of a number, so that several patterns can be followed in parallel.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

/// A pattern as used by the rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob {
    nodes: Vec<Node>,
    /// The pattern is compared with the text in lower case.
    folds: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node {
    Literal(char),
    /// `*`: any text without the separator.
    Segment,
    /// `**`: any text.
    Any,
}

/// The maximum number of nodes of a pattern.
const MOST_NODES: usize = 127;
/// The maximum number of states of one search.
const MOST_STATES: usize = 20_000;

impl Glob {
    pub fn of(text: &str, folds: bool) -> Self {
        let mut nodes = Vec::new();
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            if c != '*' {
                nodes.push(Node::Literal(c));
            } else if characters.next_if_eq(&'*').is_some() {
                while characters.next_if_eq(&'*').is_some() {}
                nodes.push(Node::Any);
            } else {
                nodes.push(Node::Segment);
            }
        }
        Self { nodes, folds }
    }

    fn literals(&self) -> impl Iterator<Item = char> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Literal(c) => Some(*c),
            Node::Segment | Node::Any => None,
        })
    }

    /// Adds the nodes that are reached without reading a character.
    fn closed(&self, mut reached: u128) -> u128 {
        for (at, node) in self.nodes.iter().enumerate() {
            if reached & 1 << at != 0 && !matches!(node, Node::Literal(_)) {
                reached |= 1 << (at + 1);
            }
        }
        reached
    }

    fn start(&self) -> u128 {
        self.closed(1)
    }

    fn step(&self, reached: u128, symbol: Symbol, separator: char) -> u128 {
        let seen = if self.folds {
            symbol.folded
        } else {
            symbol.plain
        };
        let mut next = 0;
        for (at, node) in self.nodes.iter().enumerate() {
            if reached & 1 << at == 0 {
                continue;
            }
            match node {
                Node::Literal(c) if seen == Some(*c) => next |= 1 << (at + 1),
                Node::Literal(_) => {}
                Node::Segment if seen == Some(separator) => {}
                Node::Segment | Node::Any => next |= 1 << at,
            }
        }
        self.closed(next)
    }

    fn accepts(&self, reached: u128) -> bool {
        reached & 1 << self.nodes.len() != 0
    }

    /// Returns whether the whole text matches.
    pub fn matches(&self, text: &str, separator: char) -> bool {
        let text = if self.folds {
            Cow::Owned(text.to_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        let read = |reached, c| {
            let seen = Some(c);
            let symbol = Symbol {
                plain: seen,
                folded: seen,
                written: seen,
            };
            self.step(reached, symbol, separator)
        };
        self.nodes.len() <= MOST_NODES && self.accepts(text.chars().fold(self.start(), read))
    }
}

/// A class of characters that the patterns do not distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Symbol {
    /// The character as case-sensitive patterns see it; `None`: a character that occurs in none of them.
    plain: Option<char>,
    /// The character as patterns that ignore case see it.
    folded: Option<char>,
    /// A character of the class; `None` if it is not known to have one.
    written: Option<char>,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Text(String),
    /// There is no such text.
    Nothing,
    /// The search was given up, or found only texts that cannot be written.
    Unknown,
}

/// Searches for the shortest text that matches all of `with` and none of `without`.
pub fn search(with: &[&Glob], without: &[&Glob], separator: char) -> Found {
    let all: Vec<&Glob> = with.iter().chain(without).copied().collect();
    if all.iter().any(|glob| glob.nodes.len() > MOST_NODES) {
        return Found::Unknown;
    }
    let Some(alphabet) = alphabet(&all, separator) else {
        return Found::Unknown;
    };
    let accepts = |state: &[u128]| {
        all.iter()
            .zip(state)
            .enumerate()
            .all(|(at, (glob, reached))| glob.accepts(*reached) == (at < with.len()))
    };
    let start: Vec<u128> = all.iter().map(|glob| glob.start()).collect();
    // For each state, the state and the symbol from which it was first reached.
    let mut from: HashMap<Vec<u128>, Option<(Vec<u128>, Symbol)>> = HashMap::new();
    let mut queue = VecDeque::from([start.clone()]);
    from.insert(start, None);
    let mut is_written = true;
    while let Some(state) = queue.pop_front() {
        if accepts(&state) {
            match spell(&state, &from) {
                Some(text) => return Found::Text(text),
                None => is_written = false,
            }
        }
        for symbol in &alphabet {
            let step = |(glob, reached): (&&Glob, &u128)| glob.step(*reached, *symbol, separator);
            let next: Vec<u128> = all.iter().zip(&state).map(step).collect();
            // Skips states from which a pattern of `with` can no longer match.
            let is_dead = next.iter().take(with.len()).any(|reached| *reached == 0);
            if !is_dead && !from.contains_key(&next) {
                if from.len() >= MOST_STATES {
                    return Found::Unknown;
                }
                from.insert(next.clone(), Some((state.clone(), *symbol)));
                queue.push_back(next);
            }
        }
    }
    if is_written {
        Found::Nothing
    } else {
        Found::Unknown
    }
}

/// Returns the text that leads to a state; `None` if it has a symbol that cannot be written.
fn spell(state: &[u128], from: &HashMap<Vec<u128>, Option<(Vec<u128>, Symbol)>>) -> Option<String> {
    let mut characters = Vec::new();
    let mut at = state;
    while let Some(Some((before, symbol))) = from.get(at) {
        characters.push(symbol.written?);
        at = before;
    }
    Some(characters.into_iter().rev().collect())
}

/// Returns the symbols of these patterns, those with characters first; `None` if the list could be incomplete.
///
/// A symbol stands for each character of the literals, and one for all other characters. If patterns ignore case, a
/// character may equal another one for them, as the lower case of the Kelvin sign is `k`: these pairs have symbols
/// without a character. If the lower case of a character has several characters, the first one forms such a pair, and
/// the others occur in no literal, so only stars match them. This requires that all literals are ASCII.
fn alphabet(globs: &[&Glob], separator: char) -> Option<Vec<Symbol>> {
    let mut plain: Vec<char> = Vec::new();
    let mut folded: Vec<char> = Vec::new();
    for glob in globs {
        let list = if glob.folds { &mut folded } else { &mut plain };
        for c in glob.literals().chain([separator]) {
            if !list.contains(&c) {
                list.push(c);
            }
        }
    }
    let has_folding = globs.iter().any(|glob| glob.folds);
    if has_folding && plain.iter().chain(&folded).any(|c| !c.is_ascii()) {
        return None;
    }
    let known = |list: &[char], c: char| list.contains(&c).then_some(c);
    let symbol = |c: char| Symbol {
        plain: known(&plain, c),
        folded: known(&folded, c.to_ascii_lowercase()),
        written: Some(c),
    };
    let mut symbols: Vec<Symbol> = Vec::new();
    let upper = folded.iter().map(char::to_ascii_uppercase);
    let own = plain.iter().chain(&folded).copied().chain(upper);
    let other = ('a'..='z')
        .chain('0'..='9')
        .chain('A'..='Z')
        .chain(['-', '_']);
    let is_other =
        |c: &char| known(&plain, *c).is_none() && known(&folded, c.to_ascii_lowercase()).is_none();
    let nothing = Symbol {
        plain: None,
        folded: None,
        written: None,
    };
    let other = other
        .into_iter()
        .find(is_other)
        .map(symbol)
        .unwrap_or(nothing);
    let unwritten = folded.iter().map(|c| Symbol {
        plain: None,
        folded: Some(*c),
        written: None,
    });
    let unwritten = unwritten.filter(|symbol| symbol.folded != Some(separator));
    for symbol in own.map(symbol).chain([other]).chain(unwritten) {
        let is_same = |one: &Symbol| one.plain == symbol.plain && one.folded == symbol.folded;
        if !symbols.iter().any(is_same) {
            symbols.push(symbol);
        }
    }
    Some(symbols)
}

#[cfg(test)]
pub mod tests;
