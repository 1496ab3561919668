//! The set of unclear claims: claims that have an unreadable form, or that the token says are elsewhere. They never
//! count as absent.

use super::reader::Fact;

/// A set of unclear [`Fact`]s.
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
