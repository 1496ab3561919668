//! Sets of rule indices.

/// A set of numbers below a limit that is fixed at construction. A limit of up to 64 needs no heap
/// allocation: `fixedbitset` always allocates, and took two to three times as long for 10 rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    first: u64,
    others: Vec<u64>,
}

impl Bits {
    pub fn none(limit: usize) -> Self {
        Self {
            first: 0,
            others: vec![0; Self::words_below(limit) - 1],
        }
    }

    /// Returns the number of 64-bit words in a set with this limit.
    pub fn words_below(limit: usize) -> usize {
        limit.saturating_sub(1) / 64 + 1
    }

    pub fn all(limit: usize) -> Self {
        let mut all = Self::none(limit);
        let mut rest = limit;
        for word in all.words_mut() {
            let full = rest.min(64);
            *word = u64::MAX.checked_shr(64 - full as u32).unwrap_or(0);
            rest -= full;
        }
        all
    }

    /// Adds a number. A number beyond the last word is ignored.
    pub fn add(&mut self, number: usize) {
        if let Some(word) = self.words_mut().nth(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    pub fn intersect_with(&mut self, other: &Self) {
        for (own, other) in self.words_mut().zip(other.words()) {
            *own &= other;
        }
    }

    pub fn union_with(&mut self, other: &Self) {
        for (own, other) in self.words_mut().zip(other.words()) {
            *own |= other;
        }
    }

    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.intersect_with(other);
        both
    }

    pub fn is_empty(&self) -> bool {
        self.words().all(|word| word == 0)
    }

    pub fn count(&self) -> usize {
        self.words().map(|word| word.count_ones() as usize).sum()
    }

    /// Iterates in ascending order.
    pub fn iter(&self) -> Numbers<'_> {
        Numbers {
            others: self.others.iter(),
            base: 0,
            rest: self.first,
        }
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    fn words_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }
}

/// The numbers of a set.
#[derive(Debug)]
pub struct Numbers<'b> {
    others: std::slice::Iter<'b, u64>,
    /// The lowest number of the current word, and the bits of the word that are still to be returned.
    base: usize,
    rest: u64,
}

impl Iterator for Numbers<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.rest == 0 {
            self.rest = *self.others.next()?;
            self.base += 64;
        }
        let lowest = self.rest.trailing_zeros() as usize;
        self.rest &= self.rest - 1;
        Some(self.base + lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_contains_the_added_numbers() {
        let mut bits = Bits::none(130);
        for number in [129, 0, 63, 64, 130, 200, 500] {
            bits.add(number);
        }
        // Numbers within the last word are kept; numbers beyond it are ignored.
        assert!(bits.iter().all(|number| number < 192));
        let held: Vec<usize> = bits.iter().filter(|number| *number < 130).collect();
        assert_eq!(held, [0, 63, 64, 129]);
        assert_eq!(Bits::all(70).count(), 70);
        assert_eq!(
            Bits::all(70).and(&bits).iter().collect::<Vec<_>>(),
            [0, 63, 64]
        );
        assert_eq!(Bits::none(0).iter().count(), 0);
        assert!(Bits::none(130).is_empty() && !bits.is_empty());
        let mut joined = Bits::none(130);
        joined.add(5);
        joined.union_with(&bits);
        let joined: Vec<usize> = joined.iter().filter(|number| *number < 130).collect();
        assert_eq!(joined, [0, 5, 63, 64, 129]);
    }
}
