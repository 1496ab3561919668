//! An incremental JSON reader (RFC 8259) that keeps only the top-level `"model"`.
//!
//! It takes the body in pieces of any size and needs a few hundred bytes of memory for any body. It
//! accepts exactly the well-formed UTF-8 values that are nested at most 128 deep. Only a `model` member of the
//! outermost object is used.

mod number;
#[cfg(test)]
mod tests;
mod text;

use super::{Model, name};
use crate::decision::BodyUnavailable;
use crate::json::structure::{Malformed, Part, Structure};
use number::Number;
use text::{Progress, Role, Text};

#[derive(Debug)]
pub struct Scanner {
    limit: usize,
    seen: usize,
    structure: Structure,
    state: State,
    /// The top-level `model` was read. `Some` if its value was a string.
    has_model: bool,
    model: Option<String>,
    /// The next value is that of the model.
    is_model: bool,
    failed: Option<BodyUnavailable>,
    /// Why content cannot be read; `None` if it can.
    unreadable: Option<BodyUnavailable>,
}

#[derive(Debug)]
enum State {
    /// Outside strings, literals and numbers.
    Between,
    Text(Text),
    /// The rest of `true`, `false` or `null`.
    Literal(&'static [u8]),
    Number(Number),
}

impl Scanner {
    /// `limit` is the maximum size of a body that is read, in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: 0,
            structure: Structure::default(),
            state: State::Between,
            has_model: false,
            model: None,
            is_model: false,
            failed: None,
            unreadable: None,
        }
    }

    /// Returns a scanner that accepts only an empty body, and otherwise fails with this reason.
    pub fn expecting_none(reason: BodyUnavailable) -> Self {
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
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), BodyUnavailable> {
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
            Err(BodyUnavailable::TooLarge { limit: self.limit })
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
            (State::Between, None) if self.seen == 0 => Model::None,
            (State::Between, None) if self.structure.is_complete() => match self.model.take() {
                Some(text) => name::named(&text),
                None => Model::Unavailable(BodyUnavailable::Missing),
            },
            // A number at the top level ends only with the body.
            (State::Number(number), None) if self.structure.is_complete() && number.is_whole() => {
                Model::Unavailable(BodyUnavailable::Missing)
            }
            _ => Model::Unavailable(BodyUnavailable::Unreadable("its JSON is incomplete")),
        }
    }

    fn read(&mut self, piece: &[u8]) -> Result<(), BodyUnavailable> {
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

    fn step(&mut self, byte: u8) -> Result<(), BodyUnavailable> {
        match &mut self.state {
            State::Text(text) => {
                if text.push(byte)? == Progress::Open {
                    return Ok(());
                }
                return match std::mem::replace(&mut self.state, State::Between) {
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
                    self.state = State::Between;
                }
                return Ok(());
            }
            State::Number(number) => {
                if number.takes(byte)? {
                    return Ok(());
                }
                self.state = State::Between;
            }
            State::Between => {}
        }
        self.state = match self.structure.step(byte).map_err(unreadable)? {
            Part::Punctuation | Part::NextItem => return Ok(()),
            Part::Key if self.structure.depth() == 1 => State::Text(Text::new(Role::Key)),
            Part::Key => State::Text(Text::new(Role::InnerKey)),
            // A model that is not a string names no model.
            value => match (value, std::mem::take(&mut self.is_model)) {
                (Part::Text, true) => State::Text(Text::new(Role::Model)),
                (Part::Text, false) => State::Text(Text::new(Role::Other)),
                (Part::Bare, _) => bare(byte)?,
                _ => State::Between,
            },
        };
        Ok(())
    }

    fn end_text(&mut self, text: Text) -> Result<(), BodyUnavailable> {
        match text.role {
            Role::Key => self.is_model = self.is_model_key(&text.into_string()?)?,
            Role::Model => self.model = Some(text.into_string()?),
            Role::InnerKey | Role::Other => {}
        }
        Ok(())
    }

    /// Returns whether a top-level member is the model. Servers written in Go match names case-insensitively; other
    /// servers do not.
    fn is_model_key(&mut self, key: &str) -> Result<bool, BodyUnavailable> {
        if !key.eq_ignore_ascii_case("model") {
            return Ok(false);
        }
        if std::mem::replace(&mut self.has_model, true) {
            return Err(BodyUnavailable::Ambiguous("its model appears twice"));
        }
        if key != "model" {
            return Err(BodyUnavailable::Ambiguous(
                "its member `model` is not in lower case",
            ));
        }
        Ok(true)
    }
}

/// Returns the state after the first byte of a number or literal.
fn bare(first: u8) -> Result<State, BodyUnavailable> {
    Ok(match first {
        b't' => State::Literal(b"rue"),
        b'f' => State::Literal(b"alse"),
        b'n' => State::Literal(b"ull"),
        other => State::Number(Number::new(other).ok_or(NOT_JSON)?),
    })
}

fn unreadable(malformed: Malformed) -> BodyUnavailable {
    match malformed {
        Malformed::Syntax => NOT_JSON,
        Malformed::TooDeep => BodyUnavailable::Unreadable("its JSON is nested too deeply"),
        Malformed::Trailing => BodyUnavailable::Unreadable("it has content after its JSON"),
    }
}

const NOT_JSON: BodyUnavailable = BodyUnavailable::Unreadable("it is not well-formed JSON");
