//! The list of an index entry: a list of numbers while there are few, then a set, which is faster to merge.

use super::bits::Bits;

#[derive(Clone, Debug)]
pub enum Postings {
    Few(Vec<usize>),
    Many(Bits),
}

impl Default for Postings {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Postings {
    /// Adds a number. `limit` is the limit of all numbers and must be the same in every call.
    pub fn add(&mut self, number: usize, limit: usize) {
        match self {
            Self::Few(numbers) => {
                numbers.push(number);
                if numbers.len() > Bits::words_below(limit) {
                    let mut many = Bits::none(limit);
                    numbers.iter().for_each(|number| many.add(*number));
                    *self = Self::Many(many);
                }
            }
            Self::Many(many) => many.add(number),
        }
    }

    pub fn add_to(&self, found: &mut Bits) {
        match self {
            Self::Few(numbers) => numbers.iter().for_each(|number| found.add(*number)),
            Self::Many(many) => found.union_with(many),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_and_set_contain_the_same_numbers() {
        let mut postings = Postings::default();
        let mut expected = Bits::none(200);
        for number in [0, 63, 64, 5, 199, 130, 7] {
            postings.add(number, 200);
            expected.add(number);
            let mut found = Bits::none(200);
            postings.add_to(&mut found);
            assert_eq!(found, expected);
        }
        assert!(matches!(postings, Postings::Many(_)));
    }
}
