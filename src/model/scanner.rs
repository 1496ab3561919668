//! An incremental JSON reader (RFC 8259) that keeps only the top-level `"model"`.
//!
//! It takes the body in pieces of any size and needs a few hundred bytes of memory for any body. It
//! accepts exactly the well-formed UTF-8 values that are nested at most 128 deep. Only a `model`
//! member of the outermost object counts.

mod number;
#[cfg(test)]
mod tests;
mod text;

use super::{Model, ModelUnavailable, name};
use number::Number;
use text::{Progress, Role, Text};

/// Deepest nesting, including the outermost object. serde_json has the same limit.
const MAX_DEPTH: u32 = 128;

#[derive(Debug)]
pub struct Scanner {
    limit: usize,
    seen: usize,
    state: State,
    /// The depth; `objects` has a bit for each level, from the lowest, which is set for an object.
    depth: u32,
    objects: u128,
    /// The top-level `model` was read. `Some` if its value was a string.
    has_model: bool,
    model: Option<String>,
    /// The next value is the model's.
    is_model: bool,
    failed: Option<ModelUnavailable>,
    /// Why content cannot be read, if it cannot.
    unreadable: Option<ModelUnavailable>,
}

#[derive(Debug)]
enum State {
    /// Before the outermost value.
    Start,
    /// After `{`: a key or `}`.
    FirstKey,
    /// After `,` in an object.
    Key,
    Colon,
    /// After `[`: a value or `]`.
    FirstItem,
    Value,
    /// After a value: `,` or the end of its container.
    After,
    Text(Text),
    /// The rest of `true`, `false` or `null`.
    Literal(&'static [u8]),
    Number(Number),
    /// After the outermost value.
    End,
}

impl Scanner {
    /// `limit` is the largest body that is read, in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: 0,
            state: State::Start,
            depth: 0,
            objects: 0,
            has_model: false,
            model: None,
            is_model: false,
            failed: None,
            unreadable: None,
        }
    }

    /// Returns a scanner that accepts only an empty body, and otherwise fails with this reason.
    pub fn expecting_none(reason: ModelUnavailable) -> Self {
        Self {
            unreadable: Some(reason),
            ..Self::new(0)
        }
    }

    /// Reads the next piece. An error is final.
    ///
    /// # Errors
    /// The first reason why the model cannot be determined. It is the same for any division into
    /// pieces.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), ModelUnavailable> {
        if let Some(reason) = self.failed {
            return Err(reason);
        }
        if let (Some(reason), false) = (self.unreadable, piece.is_empty()) {
            self.failed = Some(reason);
            return Err(reason);
        }
        let room = self.limit.saturating_sub(self.seen);
        self.seen = self.seen.saturating_add(piece.len());
        let within = piece.get(..room.min(piece.len())).unwrap_or_default();
        let outcome = self.read(within).and(if piece.len() > room {
            Err(ModelUnavailable::TooLarge { limit: self.limit })
        } else {
            Ok(())
        });
        self.failed = outcome.err();
        outcome
    }

    /// Ends the body and returns its model.
    pub fn finish(&mut self) -> Model {
        match (&self.state, self.failed) {
            (_, Some(reason)) => Model::Unavailable(reason),
            (State::Start, None) if self.seen == 0 => Model::None,
            (State::End, None) => match self.model.take() {
                Some(text) => name::named(&text),
                None => Model::Unavailable(ModelUnavailable::Missing),
            },
            // A number at the top level ends only with the body.
            (State::Number(number), None) if self.depth == 0 && number.is_whole() => {
                Model::Unavailable(ModelUnavailable::Missing)
            }
            _ => Model::Unavailable(ModelUnavailable::Unreadable("its JSON is incomplete")),
        }
    }

    fn read(&mut self, piece: &[u8]) -> Result<(), ModelUnavailable> {
        let mut rest = piece;
        while let Some((byte, tail)) = rest.split_first() {
            let skipped = match &self.state {
                State::Text(text) => text.skip(rest),
                _ => 0,
            };
            if skipped > 0 {
                rest = rest.get(skipped..).unwrap_or_default();
            } else {
                self.step(*byte)?;
                rest = tail;
            }
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), ModelUnavailable> {
        match &mut self.state {
            State::Text(text) => {
                if text.push(byte)? == Progress::Open {
                    return Ok(());
                }
                let after = self.after();
                return match std::mem::replace(&mut self.state, after) {
                    State::Text(text) => self.end_text(text),
                    _ => Err(NOT_JSON),
                };
            }
            State::Literal(rest) => {
                *rest = match rest.split_first() {
                    Some((wanted, rest)) if *wanted == byte => rest,
                    _ => return Err(NOT_JSON),
                };
                if rest.is_empty() {
                    self.state = self.after();
                }
                return Ok(());
            }
            State::Number(number) => {
                if number.takes(byte)? {
                    return Ok(());
                }
                self.state = self.after();
            }
            _ => {}
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => Ok(()),
            byte => self.structure(byte),
        }
    }

    /// Reads a byte outside strings, literals, numbers and white space.
    fn structure(&mut self, byte: u8) -> Result<(), ModelUnavailable> {
        self.state = match (&self.state, byte) {
            (State::Start, byte) => return self.value(byte),
            (State::FirstKey, b'}') => return self.close(),
            (State::FirstKey | State::Key, b'"') => State::Text(Text::new(match self.depth {
                1 => Role::Key,
                _ => Role::InnerKey,
            })),
            (State::Colon, b':') => State::Value,
            (State::FirstItem, b']') => return self.close(),
            (State::FirstItem | State::Value, byte) => return self.value(byte),
            (State::After, b',') => {
                if self.in_object() {
                    State::Key
                } else {
                    State::Value
                }
            }
            (State::After, b'}') if self.in_object() => return self.close(),
            (State::After, b']') if !self.in_object() => return self.close(),
            (State::End, _) => {
                return Err(ModelUnavailable::Unreadable(
                    "it has content after its JSON",
                ));
            }
            _ => return Err(NOT_JSON),
        };
        Ok(())
    }

    fn value(&mut self, first: u8) -> Result<(), ModelUnavailable> {
        // A model that is not a string names no model.
        let is_model = std::mem::take(&mut self.is_model);
        self.state = match first {
            b'"' if is_model => State::Text(Text::new(Role::Model)),
            b'"' => State::Text(Text::new(Role::Other)),
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b't' => State::Literal(b"rue"),
            b'f' => State::Literal(b"alse"),
            b'n' => State::Literal(b"ull"),
            other => State::Number(Number::new(other).ok_or(NOT_JSON)?),
        };
        Ok(())
    }

    fn end_text(&mut self, text: Text) -> Result<(), ModelUnavailable> {
        self.state = match text.role {
            Role::Key => {
                self.is_model = self.is_model_key(&text.kept()?)?;
                State::Colon
            }
            Role::InnerKey => State::Colon,
            Role::Model => {
                self.model = Some(text.kept()?);
                State::After
            }
            Role::Other => self.after(),
        };
        Ok(())
    }

    /// Returns whether a top-level member is the model. Servers written in Go match names without
    /// case; other servers do not.
    fn is_model_key(&mut self, key: &str) -> Result<bool, ModelUnavailable> {
        if !key.eq_ignore_ascii_case("model") {
            return Ok(false);
        }
        if std::mem::replace(&mut self.has_model, true) {
            return Err(ModelUnavailable::Ambiguous("its model appears twice"));
        }
        if key != "model" {
            return Err(ModelUnavailable::Ambiguous(
                "its member `model` is not in lower case",
            ));
        }
        Ok(true)
    }

    fn open(&mut self, is_object: bool) -> Result<(), ModelUnavailable> {
        if self.depth >= MAX_DEPTH {
            return Err(ModelUnavailable::Unreadable(
                "its JSON is nested too deeply",
            ));
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        self.state = if is_object {
            State::FirstKey
        } else {
            State::FirstItem
        };
        Ok(())
    }

    fn close(&mut self) -> Result<(), ModelUnavailable> {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.state = self.after();
        Ok(())
    }

    /// Returns the state after a value.
    fn after(&self) -> State {
        match self.depth {
            0 => State::End,
            _ => State::After,
        }
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

const NOT_JSON: ModelUnavailable = ModelUnavailable::Unreadable("it is not well-formed JSON");
