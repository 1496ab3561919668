//! Sets of rules by their index.

/// A set of numbers below a limit given when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

impl Bits {
    pub fn none(limit: usize) -> Self {
        Self(vec![0; limit.div_ceil(64)])
    }

    pub fn all(limit: usize) -> Self {
        let mut all = Self::none(limit);
        (0..limit).for_each(|number| all.add(number));
        all
    }

    /// A number from the limit on is not added.
    pub fn add(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    pub fn keep(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own &= other;
        }
    }

    pub fn join(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }

    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.keep(other);
        both
    }

    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let lowest = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(at * 64 + lowest)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_added() {
        let mut bits = Bits::none(130);
        for number in [129, 0, 63, 64, 130, 500] {
            bits.add(number);
        }
        // What lies within the last word is kept, beyond it nothing.
        let held: Vec<usize> = bits.iter().filter(|number| *number < 130).collect();
        assert_eq!(held, [0, 63, 64, 129]);
        assert_eq!(Bits::all(70).count(), 70);
        assert_eq!(
            Bits::all(70).and(&bits).iter().collect::<Vec<_>>(),
            [0, 63, 64]
        );
        assert_eq!(Bits::none(0).iter().count(), 0);
        let mut joined = Bits::none(130);
        joined.add(5);
        joined.join(&bits);
        let joined: Vec<usize> = joined.iter().filter(|number| *number < 130).collect();
        assert_eq!(joined, [0, 5, 63, 64, 129]);
    }
}
