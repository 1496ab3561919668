//! JSON read where it stands: nothing is built, and a value stays the slice of the text that it was
//! written in. For what strangers send with every request, and of which little is asked.
//!
//! It takes exactly the texts that [`super::parse_strict`] takes, which tests hold it to. What is rare
//! (escapes, numbers that are no short integers) is left to serde_json.

#[cfg(test)]
mod tests;

use serde_json::Value;
use std::borrow::Cow;

/// Deepest nesting, the outermost value included: serde_json's.
const MAX_DEPTH: u32 = 127;
/// What a member usually takes, in bytes.
const USUAL: usize = 32;
/// Up to so many members are compared with each other.
const FEW: usize = 32;

/// A value, known to be well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'t>(&'t str);

impl<'t> Raw<'t> {
    /// `None`: it is not well-formed, names a member twice, or something follows.
    pub fn read(text: &'t str) -> Option<Self> {
        let mut reader = Reader::of(text);
        let value = reader.value()?;
        reader.token().is_none().then_some(value)
    }

    pub fn as_written(self) -> &'t str {
        self.0
    }

    /// Whether it is that text.
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

    /// `None`: it is no text.
    pub fn text(self) -> Option<Cow<'t, str>> {
        let quoted = self.0.strip_prefix('"')?.strip_suffix('"')?;
        match quoted.as_bytes().contains(&b'\\') {
            true => unescape(self.0).map(Cow::Owned),
            false => Some(Cow::Borrowed(quoted)),
        }
    }

    /// `None`: it is no number.
    pub fn number(self) -> Option<f64> {
        match self.0.parse::<u64>() {
            Ok(integer) => Some(integer as f64),
            Err(_) => self.0.parse().ok(),
        }
    }

    /// `None`: it is no array.
    pub fn items(self) -> Option<Items<'t>> {
        let is_array = self.0.starts_with('[');
        is_array.then(|| Items(Reader::of(self.0)))
    }

    /// `None`: it is no object.
    pub fn object(self) -> Option<Object<'t>> {
        Object::read(self.0)
    }

    pub fn value(self) -> Option<Value> {
        serde_json::from_str(self.0).ok()
    }
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

/// An object's members as they were written; no name stands twice, at any depth.
#[derive(Clone, Debug)]
pub struct Object<'t>(Vec<Member<'t>>);

#[derive(Clone, Debug)]
struct Member<'t> {
    /// Tells most names apart.
    mark: u32,
    name: Cow<'t, str>,
    value: Raw<'t>,
}

impl<'t> Object<'t> {
    /// `None`: it is no well-formed object, names a member twice, or something follows.
    pub fn read(text: &'t str) -> Option<Self> {
        let mut reader = Reader::of(text);
        reader.members.reserve(text.len() / USUAL + 4);
        let is_object = reader.token()? == b'{' && reader.parts(b'}').is_some();
        let is_all = is_object && reader.token().is_none();
        (is_all && are_unique(&reader.members)).then_some(Self(reader.members))
    }

    /// A member's value. One that is null counts as absent.
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
    let mark = mark(name);
    members
        .iter()
        .find(|member| member.mark == mark && member.name == name)
}

/// Its length, its first byte and its last two: claims' names differ there.
fn mark(name: &str) -> u32 {
    let [first, .., before, last] = name.as_bytes() else {
        return name.len() as u32;
    };
    u32::from_le_bytes([*first, *before, *last, name.len() as u8])
}

fn are_unique(members: &[Member<'_>]) -> bool {
    if members.len() > FEW {
        let mut names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
        names.sort_unstable();
        return names.windows(2).all(|pair| pair.first() != pair.last());
    }
    let mut rest = members;
    while let [first, others @ ..] = rest {
        let is_same = |other: &Member<'_>| other.mark == first.mark && other.name == first.name;
        if others.iter().any(is_same) {
            return false;
        }
        rest = others;
    }
    true
}

/// A text in its quotes. Escapes that mean no character are refused.
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

const ONES: u64 = u64::MAX / 255;

/// Whether eight bytes neither end a text, nor escape, nor control anything.
fn is_plain(word: [u8; 8]) -> bool {
    specials(u64::from_le_bytes(word)) & (ONES << 7) == 0
}

/// The highest bit of each byte that is special, and perhaps of some above such.
fn specials(word: u64) -> u64 {
    let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word;
    let quote = below(word ^ (ONES * 0x22), 1);
    let escape = below(word ^ (ONES * 0x5c), 1);
    below(word, 0x20) | quote | escape
}

#[derive(Clone, Debug)]
struct Reader<'t> {
    text: &'t str,
    /// Where the next byte stands.
    at: usize,
    depth: u32,
    /// Of all objects that are open, those of the innermost last.
    members: Vec<Member<'t>>,
}

impl<'t> Reader<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            members: Vec::new(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes the next byte that is no blank.
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

    /// Reads on to the end of a text.
    fn end_text(&mut self, start: usize) -> Option<()> {
        let mut is_escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            if rest.first_chunk().is_some_and(|word| is_plain(*word)) {
                self.at += 8;
                continue;
            }
            let byte = *rest.first()?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    self.at += 1;
                }
                0..b' ' => return None,
                _ => {}
            }
        }
        if is_escaped {
            unescape(self.text.get(start..self.at)?)?;
        }
        Some(())
    }

    /// Reads on to the end of a number or literal.
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

    /// Reads on to the end of an object or array.
    fn nested(&mut self, close: u8) -> Option<()> {
        let outer = self.members.len();
        self.parts(close)?;
        let is_fit = are_unique(self.members.get(outer..)?);
        self.members.truncate(outer);
        is_fit.then_some(())
    }

    /// Reads on to the bracket that closes an object or array.
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
                    let mark = mark(&name);
                    self.members.push(Member { mark, name, value });
                }
                _ => drop(self.value()?),
            }
            next = self.token()?;
        }
        self.depth -= 1;
        (next == close).then_some(())
    }

    /// A member's name, and what parts it from its value.
    fn name(&mut self) -> Option<Cow<'t, str>> {
        if self.token()? != b'"' {
            return None;
        }
        self.at -= 1;
        let name = self.value()?.text()?;
        (self.token()? == b':').then_some(name)
    }
}
