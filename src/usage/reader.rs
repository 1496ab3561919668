//! An incremental JSON reader that returns only the scalars that a document needs, with their
//! paths. It takes pieces of any size and keeps one short token.
//!
//! It is not a validator: it follows structure and strings exactly, and accepts numbers and
//! literals by their characters.

use super::document::{Document, Member};
use std::borrow::Cow;

/// Deepest nesting.
const MAX_DEPTH: u32 = 128;
/// Longest path that is reported. No value that is read is nested deeper.
const MAX_PATH: usize = 4;
/// Longest token that is kept, in bytes.
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
    state: State,
    depth: u32,
    /// A bit for each level, from the lowest, which is set for an object.
    objects: u128,
    /// The members on the path to the current value.
    path: [Member; MAX_PATH],
    /// The part of the token from earlier pieces, or before an escape.
    token: Vec<u8>,
    overflow: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    FirstKey,
    Key,
    Colon,
    FirstItem,
    Value,
    After,
    Text {
        is_key: bool,
    },
    /// After a backslash.
    Escape {
        is_key: bool,
    },
    Bare,
    End,
    Broken,
}

impl Reader {
    pub(super) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Returns whether one whole document has been read, and nothing after it.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// Returns whether nothing has been read.
    pub(super) fn is_fresh(&self) -> bool {
        self.state == State::Start
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
        let (plain, after) = run(piece, |byte| !matches!(byte, b'"' | b'\\'));
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
        if self.state == State::Bare {
            if !self.overflow {
                document.take(self.path_of_value(), Scalar::Bare(&self.token));
            }
            self.state = self.after();
        }
        match (self.state, byte) {
            (state, b' ' | b'\t' | b'\n' | b'\r') => state,
            (State::FirstKey, b'}') | (State::FirstItem, b']') => self.close(),
            (State::FirstKey | State::Key, b'"') => self.text(true, true),
            (State::Colon, b':') => State::Value,
            (State::After, b',') if self.in_object() => State::Key,
            (State::After, b',') => {
                document.next_item(self.path_of_value());
                State::Value
            }
            (State::After, b'}') if self.in_object() => self.close(),
            (State::After, b']') if !self.in_object() => self.close(),
            (State::Start | State::Value | State::FirstItem, byte) => self.value(byte, document),
            _ => State::Broken,
        }
    }

    fn value(&mut self, first: u8, document: &mut Document) -> State {
        let is_kept = document.wants(self.path_of_value());
        match first {
            b'"' => self.text(false, is_kept),
            b'{' | b'[' if self.depth >= MAX_DEPTH => State::Broken,
            b'{' => {
                document.open(self.path_of_value());
                self.open(true)
            }
            b'[' => self.open(false),
            byte if is_bare(byte) => {
                self.begin(is_kept);
                self.keep(&[byte]);
                State::Bare
            }
            _ => State::Broken,
        }
    }

    fn text(&mut self, is_key: bool, is_kept: bool) -> State {
        self.begin(is_kept);
        State::Text { is_key }
    }

    /// `last` is the part of the string since the last piece or escape; usually all of it.
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
            return State::Colon;
        }
        if let Some(text) = text {
            document.take(self.path_of_value(), Scalar::Text(text));
        }
        self.after()
    }

    /// Sets the member whose value comes next.
    fn enter(&mut self, member: Member) {
        let level = usize::try_from(self.depth).unwrap_or(MAX_PATH);
        if let Some(slot) = level
            .checked_sub(1)
            .and_then(|level| self.path.get_mut(level))
        {
            *slot = member;
        }
    }

    fn open(&mut self, is_object: bool) -> State {
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        if is_object {
            State::FirstKey
        } else {
            self.enter(Member::Item);
            State::FirstItem
        }
    }

    fn close(&mut self) -> State {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.after()
    }

    fn after(&self) -> State {
        match self.depth {
            0 => State::End,
            _ => State::After,
        }
    }

    /// Returns the path of the current value; empty if it is nested too deeply.
    fn path_of_value(&self) -> &[Member] {
        let depth = usize::try_from(self.depth).unwrap_or(usize::MAX);
        self.path.get(..depth).unwrap_or_default()
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
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

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Splits off the leading bytes that pass the test.
fn run(bytes: &[u8], test: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !test(*byte));
    let end = end.unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}
