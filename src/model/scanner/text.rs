//! A JSON string, read byte by byte after its opening quote (RFC 8259 §7).

use super::NOT_JSON;
use crate::decision::BodyUnavailable;
use crate::json::scan;

/// The maximum length of a model name that is kept, in bytes.
const MAX_MODEL: usize = 512;
/// The maximum length of a key that is kept; a longer key is not `model`.
const MAX_KEY: usize = 8;

/// The position of a string in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A key of the outermost object.
    Key,
    /// A key of a nested object.
    InnerKey,
    /// The value of the top-level `model`.
    Model,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Open,
    /// The closing quote was read.
    Closed,
}

#[derive(Debug)]
pub(super) struct Text {
    pub(super) role: Role,
    /// The decoded bytes that are kept.
    bytes: Vec<u8>,
    overflow: bool,
    escape: Escape,
    /// The first half of a surrogate pair; the second half must follow.
    high: Option<u32>,
    sequence: Sequence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    /// After a backslash.
    Start,
    /// After `\u`.
    Hex {
        digits: u8,
        code: u32,
    },
}

impl Text {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            bytes: Vec::new(),
            overflow: false,
            escape: Escape::None,
            high: None,
            sequence: Sequence::default(),
        }
    }

    /// Returns how many of the following bytes can be skipped, short escapes included, because the string continues
    /// after them and is not kept. Most bytes of a body can be skipped.
    pub(super) fn skip(&self, rest: &[u8]) -> usize {
        let idle = self.escape == Escape::None && !self.sequence.is_open();
        if !idle || !matches!(self.role, Role::Other | Role::InnerKey) {
            return 0;
        }
        let mut skipped = 0;
        while let Some(ahead) = rest.get(skipped..) {
            let plain = scan::not_plain(ahead).unwrap_or(ahead.len());
            let more = match (plain, ahead) {
                (
                    0,
                    [
                        b'\\',
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                        ..,
                    ],
                ) => 2,
                (0, _) => characters(ahead),
                (plain, _) => plain,
            };
            if more == 0 {
                break;
            }
            skipped += more;
        }
        skipped
    }

    pub(super) fn push(&mut self, byte: u8) -> Result<Progress, BodyUnavailable> {
        match self.escape {
            Escape::None => return self.plain(byte),
            Escape::Start => self.escaped(byte)?,
            Escape::Hex { digits, code } => {
                let digit = (byte as char).to_digit(16).ok_or(NOT_JSON)?;
                let code = code << 4 | digit;
                self.escape = match digits {
                    3 => Escape::None,
                    _ => Escape::Hex {
                        digits: digits + 1,
                        code,
                    },
                };
                if self.escape == Escape::None {
                    self.unit(code)?;
                }
            }
        }
        Ok(Progress::Open)
    }

    /// Returns the decoded string; empty if it is longer than the limit of its role.
    pub(super) fn into_string(self) -> Result<String, BodyUnavailable> {
        match (self.overflow, self.role) {
            (false, _) => String::from_utf8(self.bytes).map_err(|_| NOT_UTF8),
            (true, Role::Model) => Err(BodyUnavailable::Ambiguous("its model is too long")),
            (true, _) => Ok(String::new()),
        }
    }

    fn plain(&mut self, byte: u8) -> Result<Progress, BodyUnavailable> {
        if byte != b'\\' {
            self.end_pair()?;
        }
        self.sequence.push(byte)?;
        match byte {
            b'"' => return Ok(Progress::Closed),
            b'\\' => self.escape = Escape::Start,
            0..=0x1f => return Err(NOT_JSON),
            byte => self.keep(&[byte]),
        }
        Ok(Progress::Open)
    }

    fn escaped(&mut self, byte: u8) -> Result<(), BodyUnavailable> {
        self.escape = Escape::None;
        let decoded = match byte {
            b'u' => {
                self.escape = Escape::Hex { digits: 0, code: 0 };
                return Ok(());
            }
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return Err(NOT_JSON),
        };
        self.end_pair()?;
        self.keep(&[decoded]);
        Ok(())
    }

    /// Adds a UTF-16 unit from a `\u` escape.
    fn unit(&mut self, unit: u32) -> Result<(), BodyUnavailable> {
        let code = match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => 0x1_0000 + ((high - 0xd800) << 10) + (unit - 0xdc00),
            (high, 0xd800..=0xdbff) => {
                self.reject_lone(high.is_some())?;
                self.high = Some(unit);
                return Ok(());
            }
            (high, _) => {
                self.reject_lone(high.is_some() || (0xdc00..=0xdfff).contains(&unit))?;
                unit
            }
        };
        if let Some(c) = char::from_u32(code) {
            self.keep(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }

    fn end_pair(&mut self) -> Result<(), BodyUnavailable> {
        let open = self.high.take().is_some();
        self.reject_lone(open)
    }

    /// Handles half a surrogate pair, which is not a character. Some servers drop it, which could
    /// complete a key or a name. It is accepted elsewhere.
    fn reject_lone(&self, is_lone: bool) -> Result<(), BodyUnavailable> {
        match (is_lone, self.role) {
            (true, Role::Key | Role::Model) => Err(BodyUnavailable::Ambiguous(
                "its body holds half a surrogate pair",
            )),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, decoded: &[u8]) {
        let most = match self.role {
            Role::Key => MAX_KEY,
            Role::Model => MAX_MODEL,
            Role::InnerKey | Role::Other => return,
        };
        if self.bytes.len() + decoded.len() <= most {
            self.bytes.extend_from_slice(decoded);
        } else {
            self.overflow = true
        }
    }
}

/// Returns the length of the complete, well-formed characters up to the next special byte.
fn characters(bytes: &[u8]) -> usize {
    let end = scan::special(bytes).unwrap_or(bytes.len());
    let run = bytes.get(..end).unwrap_or_default();
    match str::from_utf8(run) {
        Ok(_) => end,
        Err(error) => error.valid_up_to(),
    }
}

const NOT_UTF8: BodyUnavailable = BodyUnavailable::Unreadable("it is not UTF-8");

/// The state within a UTF-8 sequence (RFC 3629 §4): the number of missing bytes, and the bounds of
/// the next byte.
#[derive(Clone, Copy, Debug, Default)]
struct Sequence {
    missing: u8,
    low: u8,
    high: u8,
}

impl Sequence {
    fn is_open(self) -> bool {
        self.missing > 0
    }

    fn push(&mut self, byte: u8) -> Result<(), BodyUnavailable> {
        let (missing, low, high) = match (self.missing, byte) {
            (0, 0..=0x7f) => (0, 0, 0),
            (0, 0xc2..=0xdf) => (1, 0x80, 0xbf),
            (0, 0xe0) => (2, 0xa0, 0xbf),
            (0, 0xed) => (2, 0x80, 0x9f),
            (0, 0xe1..=0xef) => (2, 0x80, 0xbf),
            (0, 0xf0) => (3, 0x90, 0xbf),
            (0, 0xf1..=0xf3) => (3, 0x80, 0xbf),
            (0, 0xf4) => (3, 0x80, 0x8f),
            (missing, byte) if missing > 0 && (self.low..=self.high).contains(&byte) => {
                (missing - 1, 0x80, 0xbf)
            }
            _ => return Err(NOT_UTF8),
        };
        *self = Self { missing, low, high };
        Ok(())
    }
}
