//! A JSON number, byte by byte (RFC 8259 §6).

use super::NOT_JSON;
use crate::decision::BodyUnavailable;

/// The state within a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Minus,
    /// A leading zero; no digit may follow.
    Zero,
    Whole,
    Point,
    Fraction,
    /// After `e`: a sign or a digit.
    E,
    Sign,
    Exponent,
}

impl Number {
    pub(super) fn new(first: u8) -> Option<Self> {
        match first {
            b'-' => Some(Self::Minus),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Whole),
            _ => None,
        }
    }

    /// Returns whether the number may end here.
    pub(super) fn is_whole(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Whole | Self::Fraction | Self::Exponent
        )
    }

    /// Returns whether the byte belongs to the number. If it does not, the number has ended.
    pub(super) fn takes(&mut self, byte: u8) -> Result<bool, BodyUnavailable> {
        *self = match (*self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::E,
            (Self::E, b'+' | b'-') => Self::Sign,
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Self::Exponent,
            (Self::Zero | Self::Whole | Self::Fraction | Self::Exponent, _) => return Ok(false),
            (Self::Minus | Self::Point | Self::E | Self::Sign, _) => return Err(NOT_JSON),
        };
        Ok(true)
    }
}
