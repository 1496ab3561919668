//! An incremental JSON reader that returns only the scalars that a document needs, with their
//! paths. It takes pieces of any size and keeps one short token.
//!
//! It is not a validator: it follows structure and strings exactly, but checks only the characters of numbers and
//! literals.

use super::document::{Document, Member};
use crate::json::scan;
use crate::json::structure::{Part, Structure};
use std::borrow::Cow;

/// The maximum length of a path that is reported. No relevant value is nested deeper.
const MAX_PATH: usize = 4;
/// The maximum length of a token that is kept, in bytes.
const MAX_TOKEN: usize = 512;

/// A value that is not a container.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'t> {
    /// The string as written, between its quotes.
    Text(&'t [u8]),
    /// A number or literal.
    Bare(&'t [u8]),
}

/// The largest integer up to which a float represents every integer.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

impl<'t> Scalar<'t> {
    /// Returns a count: an integer, which may be written as a float (`12.0`).
    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Bare(text) => {
                let text = std::str::from_utf8(text).ok()?;
                text.parse().ok().or_else(|| integral_float(text))
            }
            Self::Text(_) => None,
        }
    }

    pub(super) fn text(self) -> Option<Cow<'t, str>> {
        let Self::Text(raw) = self else { return None };
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
        if raw.iter().all(is_plain) {
            std::str::from_utf8(raw).ok().map(Cow::Borrowed)
        } else {
            let quoted = [b"\"", raw, b"\""].concat();
            serde_json::from_slice(&quoted).ok().map(Cow::Owned)
        }
    }
}

fn integral_float(text: &str) -> Option<u64> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        // Rust also parses `inf` and `nan` as floats.
        return None;
    }
    let float: f64 = text.parse().ok()?;
    let is_count = (0.0..=MAX_EXACT).contains(&float) && float.fract() == 0.0;
    is_count.then_some(float as u64)
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    structure: Structure,
    state: State,
    /// The members on the path to the current value.
    path: [Member; MAX_PATH],
    /// The part of the token from earlier pieces, or before an escape.
    token: Vec<u8>,
    overflow: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Outside strings, literals and numbers.
    #[default]
    Between,
    Text {
        is_key: bool,
    },
    /// After a backslash.
    Escape {
        is_key: bool,
    },
    Bare,
    Broken,
}

impl Reader {
    pub(super) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Returns whether one whole document has been read, and nothing after it.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::Between && self.structure.is_complete()
    }

    /// Returns whether nothing has been read.
    pub(super) fn is_fresh(&self) -> bool {
        self.structure.is_fresh()
    }

    pub(super) fn feed(&mut self, piece: &[u8], document: &mut Document) {
        let mut rest = piece;
        while let [byte, tail @ ..] = rest {
            rest = match self.state {
                State::Broken => return,
                State::Text { is_key } => self.in_text(rest, is_key, document),
                State::Escape { is_key } => {
                    self.keep(&[*byte]);
                    self.state = State::Text { is_key };
                    tail
                }
                State::Bare if is_bare(*byte) => {
                    let (bare, after) = run(rest, is_bare);
                    self.keep(bare);
                    after
                }
                _ => {
                    self.state = self.step(*byte, document);
                    tail
                }
            };
        }
    }

    /// Reads a string up to a byte that changes the state, and returns the rest of the piece.
    fn in_text<'p>(&mut self, piece: &'p [u8], is_key: bool, document: &mut Document) -> &'p [u8] {
        let end = if self.overflow {
            end_of_unkept(piece)
        } else {
            scan::text_end(piece).unwrap_or(piece.len())
        };
        let (plain, after) = piece.split_at_checked(end).unwrap_or((piece, &[]));
        match after {
            [b'"', after @ ..] => {
                self.state = self.end_text(plain, is_key, document);
                after
            }
            [escape, after @ ..] => {
                self.keep(plain);
                self.keep(&[*escape]);
                self.state = State::Escape { is_key };
                after
            }
            [] => {
                self.keep(plain);
                after
            }
        }
    }

    fn step(&mut self, byte: u8, document: &mut Document) -> State {
        if self.state == State::Bare && !self.overflow {
            document.take(self.path_of_value(), Scalar::Bare(&self.token));
        }
        match self.structure.step(byte) {
            Ok(Part::Punctuation) => State::Between,
            Ok(Part::NextItem) => {
                document.next_item(self.path_of_value());
                State::Between
            }
            Ok(Part::Object) => {
                document.open(self.path_of_container());
                State::Between
            }
            Ok(Part::Array) => {
                self.enter(Member::Item);
                State::Between
            }
            Ok(Part::Key) => {
                self.begin(true);
                State::Text { is_key: true }
            }
            Ok(Part::Text) => {
                self.begin(document.wants(self.path_of_value()));
                State::Text { is_key: false }
            }
            Ok(Part::Bare) if is_bare(byte) => {
                self.begin(document.wants(self.path_of_value()));
                self.keep(&[byte]);
                State::Bare
            }
            Ok(Part::Bare) | Err(_) => State::Broken,
        }
    }

    /// `last` is the part of the string since the last piece or escape; usually it is the whole string.
    fn end_text(&mut self, last: &[u8], is_key: bool, document: &mut Document) -> State {
        let is_whole = self.token.is_empty() && last.len() <= MAX_TOKEN;
        if !is_whole {
            self.keep(last);
        }
        let text = match (self.overflow, is_whole) {
            (true, _) => None,
            (false, true) => Some(last),
            (false, false) => Some(&*self.token),
        };
        if is_key {
            self.enter(text.map(Member::named).unwrap_or_default());
        } else if let Some(text) = text {
            document.take(self.path_of_value(), Scalar::Text(text));
        }
        State::Between
    }

    /// Sets the member whose value comes next.
    fn enter(&mut self, member: Member) {
        let level = self.depth().checked_sub(1);
        if let Some(slot) = level.and_then(|level| self.path.get_mut(level)) {
            *slot = member;
        }
    }

    /// Returns the path of the current value; empty if it is nested too deeply.
    fn path_of_value(&self) -> &[Member] {
        self.path.get(..self.depth()).unwrap_or_default()
    }

    /// Returns the path of the container that was just opened; empty if it is nested too deeply.
    fn path_of_container(&self) -> &[Member] {
        let outer = self.depth().saturating_sub(1);
        self.path.get(..outer).unwrap_or_default()
    }

    fn depth(&self) -> usize {
        usize::try_from(self.structure.depth()).unwrap_or(usize::MAX)
    }

    fn begin(&mut self, is_kept: bool) {
        self.token.clear();
        // A token that is not needed counts as overflowed from the start.
        self.overflow = !is_kept;
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.overflow |= self.token.len() + bytes.len() > MAX_TOKEN;
        if !self.overflow {
            self.token.extend_from_slice(bytes);
        }
    }
}

/// Returns the position of the quote that ends a string, or of an escape that the end of the piece interrupts.
fn end_of_unkept(piece: &[u8]) -> usize {
    let mut at = 0;
    while let Some(ahead) = piece.get(at..) {
        let Some(end) = scan::text_end(ahead) else {
            return piece.len();
        };
        at += end;
        match ahead.get(end..) {
            Some([b'\\', _, ..]) => at += 2,
            _ => break,
        }
    }
    at
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Splits off the leading bytes that pass the test.
fn run(bytes: &[u8], test: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !test(*byte));
    let end = end.unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}
