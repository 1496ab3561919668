//! The structure of a JSON document (RFC 8259 §2), byte by byte, from pieces of any size.
//!
//! The owner reads the rest of each string, number and literal, and passes all other bytes to [`Structure::step`].

/// The maximum nesting depth, including the outermost container. serde_json has the same limit.
const MAX_DEPTH: u32 = 128;

/// The place within a document.
#[derive(Debug, Default)]
pub struct Structure {
    next: Next,
    depth: u32,
    /// A bit for each level, beginning with the lowest bit. It is set if the level is an object.
    objects: u128,
}

/// The parts that may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    /// The outermost value.
    #[default]
    Document,
    FirstKeyOrEnd,
    Key,
    Colon,
    FirstItemOrEnd,
    Value,
    CommaOrEnd,
    Nothing,
}

/// The part of the document that a byte begins or forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// White space, a colon, the comma of an object, or the end of a container.
    Punctuation,
    /// The comma of an array.
    NextItem,
    Object,
    Array,
    /// The opening quote of a key.
    Key,
    /// The opening quote of a value.
    Text,
    /// The first byte of a number or a literal, not yet checked.
    Bare,
}

/// Why a document is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    Syntax,
    TooDeep,
    /// Content follows the document.
    Trailing,
}

impl Structure {
    /// Number of containers around the current place.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Returns whether no part has begun.
    pub fn is_fresh(&self) -> bool {
        self.next == Next::Document
    }

    /// Returns whether the last part of the document has begun.
    pub fn is_complete(&self) -> bool {
        self.next == Next::Nothing
    }

    /// Reads a byte that is not inside a string, number or literal.
    ///
    /// # Errors
    /// The byte cannot come next. The document must not be read further.
    pub fn step(&mut self, byte: u8) -> Result<Part, Malformed> {
        let part = match (self.next, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => Part::Punctuation,
            (Next::Nothing, _) => return Err(Malformed::Trailing),
            (Next::FirstKeyOrEnd, b'}') | (Next::FirstItemOrEnd, b']') => self.close(),
            (Next::CommaOrEnd, b'}') if self.in_object() => self.close(),
            (Next::CommaOrEnd, b']') if !self.in_object() => self.close(),
            (Next::CommaOrEnd, b',') if self.in_object() => self.expect(Next::Key),
            (Next::CommaOrEnd, b',') => {
                self.next = Next::Value;
                Part::NextItem
            }
            (Next::Colon, b':') => self.expect(Next::Value),
            (Next::FirstKeyOrEnd | Next::Key, b'"') => {
                self.next = Next::Colon;
                Part::Key
            }
            (Next::Document | Next::FirstItemOrEnd | Next::Value, first) => self.value(first)?,
            _ => return Err(Malformed::Syntax),
        };
        Ok(part)
    }

    fn value(&mut self, first: u8) -> Result<Part, Malformed> {
        let part = match first {
            b'{' => self.open(true)?,
            b'[' => self.open(false)?,
            b'"' => {
                self.end_value();
                Part::Text
            }
            _ => {
                self.end_value();
                Part::Bare
            }
        };
        Ok(part)
    }

    fn open(&mut self, is_object: bool) -> Result<Part, Malformed> {
        if self.depth >= MAX_DEPTH {
            return Err(Malformed::TooDeep);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        let (next, part) = if is_object {
            (Next::FirstKeyOrEnd, Part::Object)
        } else {
            (Next::FirstItemOrEnd, Part::Array)
        };
        self.next = next;
        Ok(part)
    }

    fn close(&mut self) -> Part {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.end_value();
        Part::Punctuation
    }

    fn end_value(&mut self) {
        self.next = match self.depth {
            0 => Next::Nothing,
            _ => Next::CommaOrEnd,
        };
    }

    fn expect(&mut self, next: Next) -> Part {
        self.next = next;
        Part::Punctuation
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a document whose strings, numbers and literals have one character.
    fn parts(text: &str) -> Result<Vec<Part>, Malformed> {
        let mut structure = Structure::default();
        let mut bytes = text.bytes();
        let mut parts = Vec::new();
        while let Some(byte) = bytes.next() {
            let part = structure.step(byte)?;
            if matches!(part, Part::Key | Part::Text) {
                assert_eq!((bytes.next(), bytes.next()), (Some(b'x'), Some(b'"')));
            }
            parts.push(part);
        }
        Ok(parts)
    }

    #[test]
    fn document_is_divided_into_its_parts() {
        use Part::{Array, Bare, Key, NextItem, Object, Punctuation as P, Text};
        assert_eq!(
            parts(r#"{"x":[1,"x"],"x":{}}"#),
            Ok(vec![
                Object, Key, P, Array, Bare, NextItem, Text, P, P, Key, P, Object, P, P
            ])
        );
    }

    #[test]
    fn misplaced_byte_is_refused() {
        for text in [
            "{1",
            "{,",
            "{]",
            r#"{"x","#,
            r#"{"x":1]"#,
            "[1}",
            "[1:",
            "[1 1",
        ] {
            assert_eq!(parts(text), Err(Malformed::Syntax), "{text}");
        }
        assert_eq!(parts("{} 1"), Err(Malformed::Trailing));
        assert_eq!(parts(&"[".repeat(129)), Err(Malformed::TooDeep));
        assert!(parts(&"[".repeat(128)).is_ok());
    }
}
