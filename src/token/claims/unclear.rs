//! Claims that a token has, but not where or not as they can be read: never taken for absent.

use super::forms::Fact;

/// A set of [`Fact`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unclear(u16);

impl Unclear {
    pub fn add(&mut self, fact: Fact) {
        self.0 |= fact as u16;
    }

    pub fn has(self, fact: Fact) -> bool {
        self.0 & fact as u16 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}
