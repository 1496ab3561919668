//! A JSON parser that reads in place. It builds no values; a value remains a slice of the text. It is used for
//! untrusted input of every request, of which only a few members are read.
//!
//! It accepts exactly the texts that [`super::parse_strict`] accepts, which tests verify. Rare forms (escapes,
//! numbers other than short integers) are parsed by serde_json.

#[cfg(test)]
mod tests;

use super::scan;
use serde_json::Value;
use std::borrow::Cow;

/// The maximum nesting depth, including the outermost value, as in serde_json.
const MAX_DEPTH: u32 = 127;
/// The typical size of a member, in bytes.
const TYPICAL_MEMBER: usize = 32;
/// The maximum number of members that are checked for duplicates pairwise; more are sorted.
const MAX_PAIRWISE: usize = 32;

/// A well-formed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'t>(&'t str);

impl<'t> Raw<'t> {
    /// Parses a value. Returns `None` if it is malformed, has a duplicate member or is followed by other data.
    pub fn read(text: &'t str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// Parses a value, or returns why it cannot be parsed.
    ///
    /// # Errors
    /// The first defect.
    pub fn parse(text: &'t str) -> Result<Self, Defect> {
        let mut reader = Reader::of(text);
        match reader.value() {
            Some(value) if reader.token().is_none() => Ok(value),
            _ => Err(reader.defect()),
        }
    }

    pub fn as_written(self) -> &'t str {
        self.0
    }

    /// Returns the position of the value in the text from which it was read.
    pub fn start_in(self, text: &str) -> usize {
        self.0.as_ptr().addr().saturating_sub(text.as_ptr().addr())
    }

    /// Returns whether the value is this text.
    pub fn is(self, text: &str) -> bool {
        self.text().is_some_and(|own| own == text)
    }

    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub fn is_false(self) -> bool {
        self.0 == "false"
    }

    pub fn is_text(self) -> bool {
        self.0.starts_with('"')
    }

    /// Returns the text, or `None` if the value is not a text.
    pub fn text(self) -> Option<Cow<'t, str>> {
        let quoted = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if quoted.as_bytes().contains(&b'\\') {
            unescape(self.0).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(quoted))
        }
    }

    /// Returns the number, or `None` if the value is not a number.
    pub fn number(self) -> Option<f64> {
        match self.0.parse::<u64>() {
            Ok(integer) => Some(integer as f64),
            Err(_) => self.0.parse().ok(),
        }
    }

    /// Returns the items, or `None` if the value is not an array.
    pub fn items(self) -> Option<Items<'t>> {
        let is_array = self.0.starts_with('[');
        is_array.then(|| Items(Reader::of(self.0)))
    }

    /// Returns the object, or `None` if the value is not an object.
    pub fn object(self) -> Option<Object<'t>> {
        Object::read(self.0)
    }

    pub fn value(self) -> Option<Value> {
        serde_json::from_str(self.0).ok()
    }
}

/// Why a text cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    Malformed,
    /// An object has two members of the same name.
    Duplicate,
}

/// The items of an array.
#[derive(Clone, Debug)]
pub struct Items<'t>(Reader<'t>);

impl<'t> Iterator for Items<'t> {
    type Item = Raw<'t>;

    fn next(&mut self) -> Option<Raw<'t>> {
        match self.0.token()? {
            b'[' | b',' => self.0.value(),
            _ => None,
        }
    }
}

/// The members of an object as written. Names are unique at any depth.
#[derive(Clone, Debug)]
pub struct Object<'t>(Vec<Member<'t>>);

#[derive(Clone, Debug)]
struct Member<'t> {
    /// A cheap fingerprint of the name, which differs between most names.
    fingerprint: u32,
    name: Cow<'t, str>,
    value: Raw<'t>,
}

impl<'t> Object<'t> {
    /// Parses an object. Returns `None` if the text is not a well-formed object, has a duplicate member or is
    /// followed by other data.
    pub fn read(text: &'t str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// Parses an object, or returns why it cannot be parsed.
    ///
    /// # Errors
    /// The first defect.
    pub fn parse(text: &'t str) -> Result<Self, Defect> {
        let mut reader = Reader::of(text);
        reader.members.reserve(text.len() / TYPICAL_MEMBER + 4);
        let is_object = reader.token() == Some(b'{') && reader.parts(b'}').is_some();
        if !is_object || reader.token().is_some() {
            return Err(reader.defect());
        }
        if are_unique(&reader.members) {
            Ok(Self(reader.members))
        } else {
            Err(Defect::Duplicate)
        }
    }

    /// Returns a member's value. A null member counts as absent.
    pub fn get(&self, name: &str) -> Option<Raw<'t>> {
        let value = find(&self.0, name).map(|member| member.value);
        value.filter(|value| !value.is_null())
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Raw<'t>)> {
        self.0.iter().map(|member| (&*member.name, member.value))
    }
}

fn find<'m, 't>(members: &'m [Member<'t>], name: &str) -> Option<&'m Member<'t>> {
    let fingerprint = fingerprint(name);
    members
        .iter()
        .find(|member| member.fingerprint == fingerprint && member.name == name)
}

/// Returns the fingerprint of a name: its length, its first byte and its last two bytes, in which most claim names
/// differ.
fn fingerprint(name: &str) -> u32 {
    let [first, .., before, last] = name.as_bytes() else {
        return name.len() as u32;
    };
    u32::from_le_bytes([*first, *before, *last, name.len() as u8])
}

fn are_unique(members: &[Member<'_>]) -> bool {
    if members.len() > MAX_PAIRWISE {
        let mut names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
        names.sort_unstable();
        return names.windows(2).all(|pair| pair.first() != pair.last());
    }
    let mut rest = members;
    while let [first, others @ ..] = rest {
        let is_same =
            |other: &Member<'_>| other.fingerprint == first.fingerprint && other.name == first.name;
        if others.iter().any(is_same) {
            return false;
        }
        rest = others;
    }
    true
}

/// Unescapes a quoted text. Returns `None` if an escape is invalid.
#[cold]
#[inline(never)]
fn unescape(quoted: &str) -> Option<String> {
    serde_json::from_str(quoted).ok()
}

#[cold]
#[inline(never)]
fn is_number(bare: &str) -> bool {
    serde_json::from_str::<Value>(bare).is_ok()
}

#[derive(Clone, Debug)]
struct Reader<'t> {
    text: &'t str,
    /// The position of the next byte.
    at: usize,
    depth: u32,
    has_duplicate: bool,
    /// The members of all open objects, with those of the innermost object last.
    members: Vec<Member<'t>>,
}

impl<'t> Reader<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            has_duplicate: false,
            members: Vec::new(),
        }
    }

    /// Returns why the reader stopped.
    fn defect(&self) -> Defect {
        if self.has_duplicate {
            Defect::Duplicate
        } else {
            Defect::Malformed
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Consumes and returns the next byte that is not white space.
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
        }
    }

    fn value(&mut self) -> Option<Raw<'t>> {
        let first = self.token()?;
        let start = self.at - 1;
        match first {
            b'"' => self.end_text(start)?,
            b'{' => self.nested(b'}')?,
            b'[' => self.nested(b']')?,
            _ => self.end_bare(start)?,
        }
        self.text.get(start..self.at).map(Raw)
    }

    /// Reads to the end of a text.
    fn end_text(&mut self, start: usize) -> Option<()> {
        let mut is_escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let special = scan::special(rest)?;
            let byte = *rest.get(special)?;
            self.at += special + 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    self.at += 1;
                }
                _ => return None,
            }
        }
        if is_escaped {
            unescape(self.text.get(start..self.at)?)?;
        }
        Some(())
    }

    /// Reads to the end of a number or literal.
    fn end_bare(&mut self, start: usize) -> Option<()> {
        let mut is_integer = true;
        self.at = start;
        while let Some(byte) = self.peek() {
            match byte {
                b'0'..=b'9' => {}
                b'a'..=b'z' | b'E' | b'+' | b'-' | b'.' => is_integer = false,
                _ => break,
            }
            self.at += 1;
        }
        let bare = self.text.get(start..self.at)?;
        let is_short = matches!(bare.len(), 1..=18) && !bare.starts_with('0');
        let is_plain = is_integer && is_short || matches!(bare, "true" | "false" | "null");
        (is_plain || is_number(bare)).then_some(())
    }

    /// Reads to the end of an object or array.
    fn nested(&mut self, close: u8) -> Option<()> {
        let outer = self.members.len();
        self.parts(close)?;
        let is_valid = are_unique(self.members.get(outer..)?);
        self.members.truncate(outer);
        self.has_duplicate |= !is_valid;
        is_valid.then_some(())
    }

    /// Reads to the bracket that closes an object or array.
    fn parts(&mut self, close: u8) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let mut next = self.token()?;
        if next != close {
            self.at = start;
            next = b',';
        }
        while next == b',' {
            match close {
                b'}' => {
                    let name = self.name()?;
                    let value = self.value()?;
                    let fingerprint = fingerprint(&name);
                    self.members.push(Member {
                        fingerprint,
                        name,
                        value,
                    });
                }
                _ => drop(self.value()?),
            }
            next = self.token()?;
        }
        self.depth -= 1;
        (next == close).then_some(())
    }

    /// Reads a member's name and the colon after it.
    fn name(&mut self) -> Option<Cow<'t, str>> {
        if self.token()? != b'"' {
            return None;
        }
        self.at -= 1;
        let name = self.value()?.text()?;
        (self.token()? == b':').then_some(name)
    }
}
