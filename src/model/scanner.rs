//! An incremental JSON reader (RFC 8259) that keeps nothing but the top-level `"model"`.
//!
//! It takes the body in pieces of any size and holds a few hundred bytes, however long the body is.
//! It accepts exactly the well-formed values in UTF-8, nested at most 128 deep; only the outermost
//! object's `model` is one.

mod number;
#[cfg(test)]
mod tests;
mod text;

use super::{Model, ModelUnavailable, name};
use number::Number;
use text::{Progress, Role, Text};

/// Deepest nesting, the outermost object included; serde_json's limit too.
const MAX_DEPTH: u32 = 128;

#[derive(Debug)]
pub struct Scanner {
    limit: usize,
    seen: usize,
    state: State,
    /// How deep we are, and for each level, from the lowest bit, whether it is an object.
    depth: u32,
    objects: u128,
    /// The top-level `model` has been met; `Some` once it was a text.
    met: bool,
    model: Option<String>,
    /// The value that follows is the model's.
    is_model: bool,
    failed: Option<ModelUnavailable>,
    /// Why content can't be read, if there is any.
    unreadable: Option<ModelUnavailable>,
}

#[derive(Debug)]
enum State {
    /// Before the outermost value.
    Start,
    /// Behind `{`: a key or `}`.
    FirstKey,
    /// Behind `,` in an object.
    Key,
    Colon,
    /// Behind `[`: a value or `]`.
    FirstItem,
    Value,
    /// Behind a value: `,` or the end of what holds it.
    After,
    Text(Text),
    /// What is left of `true`, `false` or `null`.
    Literal(&'static [u8]),
    Number(Number),
    /// Behind the outermost value.
    End,
}

impl Scanner {
    /// `limit`: the longest body that is read, in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: 0,
            state: State::Start,
            depth: 0,
            objects: 0,
            met: false,
            model: None,
            is_model: false,
            failed: None,
            unreadable: None,
        }
    }

    /// Reads no content: the body is either empty or fails with `lack`.
    pub fn expecting_none(lack: ModelUnavailable) -> Self {
        Self {
            unreadable: Some(lack),
            ..Self::new(0)
        }
    }

    /// Reads the next piece. What is wrong stays wrong.
    ///
    /// # Errors
    /// The first thing that makes the model untellable, the same for any division into pieces.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), ModelUnavailable> {
        if let Some(lack) = self.failed {
            return Err(lack);
        }
        if let (Some(lack), false) = (self.unreadable, piece.is_empty()) {
            self.failed = Some(lack);
            return Err(lack);
        }
        let room = self.limit.saturating_sub(self.seen);
        self.seen = self.seen.saturating_add(piece.len());
        let within = piece.get(..room.min(piece.len())).unwrap_or_default();
        let outcome = self.read(within).and(match piece.len() > room {
            true => Err(ModelUnavailable::TooLarge { limit: self.limit }),
            false => Ok(()),
        });
        self.failed = outcome.err();
        outcome
    }

    /// The body is over: what it says of the model.
    pub fn finish(&mut self) -> Model {
        match (&self.state, self.failed) {
            (_, Some(lack)) => Model::Lacking(lack),
            (State::Start, None) if self.seen == 0 => Model::None,
            (State::End, None) => match self.model.take() {
                Some(text) => name::named(&text),
                None => Model::Lacking(ModelUnavailable::Missing),
            },
            // Only its end tells that a number is over.
            (State::Number(number), None) if self.depth == 0 && number.is_whole() => {
                Model::Lacking(ModelUnavailable::Missing)
            }
            _ => Model::Lacking(ModelUnavailable::Unreadable("its JSON breaks off")),
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

    /// A byte outside texts, literals, numbers and blanks.
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
            (State::After, b',') => match self.in_object() {
                true => State::Key,
                false => State::Value,
            },
            (State::After, b'}') if self.in_object() => return self.close(),
            (State::After, b']') if !self.in_object() => return self.close(),
            (State::End, _) => {
                return Err(ModelUnavailable::Unreadable("something follows its JSON"));
            }
            _ => return Err(NOT_JSON),
        };
        Ok(())
    }

    fn value(&mut self, first: u8) -> Result<(), ModelUnavailable> {
        // A model that is not a text names none.
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

    /// Whether a top-level member is the model. Go's servers read names without case, others do not.
    fn is_model_key(&mut self, key: &str) -> Result<bool, ModelUnavailable> {
        if !key.eq_ignore_ascii_case("model") {
            return Ok(false);
        }
        match std::mem::replace(&mut self.met, true) {
            true => Err(ModelUnavailable::Ambiguous("its model appears twice")),
            false if key != "model" => Err(ModelUnavailable::Ambiguous(
                "its member model is not in lower case",
            )),
            false => Ok(true),
        }
    }

    fn open(&mut self, is_object: bool) -> Result<(), ModelUnavailable> {
        if self.depth >= MAX_DEPTH {
            return Err(ModelUnavailable::Unreadable("its JSON is nested too deep"));
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        self.state = match is_object {
            true => State::FirstKey,
            false => State::FirstItem,
        };
        Ok(())
    }

    fn close(&mut self) -> Result<(), ModelUnavailable> {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.state = self.after();
        Ok(())
    }

    /// Where a value leads to when it is over.
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
