//! Ids of directory objects and applications, reduced to 60 bits.
//!
//! The list may hold 200,000 ids in each worker, so an id is kept as a hash. Entra assigns ids at random, so a caller
//! cannot choose an id whose hash equals that of another id. The probability that an id has the same hash as one of
//! 200,000 others is 2e-13; that id would then count as revoked.

use crate::token::issuer::is_guid;

/// The number of low bits of the hash that are always zero, so that records can use them.
pub const FREE_BITS: u32 = 4;

/// The hash of a GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

impl Id {
    /// Returns `None` if the text is not a hyphenated GUID.
    pub fn of(text: &str) -> Option<Self> {
        if !is_guid(text) {
            return None;
        }
        let (high, low) = text.split_at_checked(text.len() / 2)?;
        let hash = mix(mix(digits(high)) ^ digits(low));
        Some(Self(hash >> FREE_BITS << FREE_BITS))
    }

    /// The hash, with `FREE_BITS` zeros at its end.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the id in the upper bits of a key.
    pub const fn from_key(key: u64) -> Self {
        Self(key >> FREE_BITS << FREE_BITS)
    }
}

/// Returns the 16 hexadecimal digits of one half of a GUID as a number.
fn digits(half: &str) -> u64 {
    let digits = half.chars().filter_map(|digit| digit.to_digit(16));
    digits.fold(0, |number, digit| number << 4 | u64::from(digit))
}

/// The finalizer of SplitMix64, a bijection in which each input bit changes half of the output bits (Steele et al.,
/// "Fast splittable pseudorandom number generators", 2014).
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn guid_has_the_same_id_in_any_case_and_other_texts_have_none() {
        let id = Id::of("aaaabbbb-0000-cccc-1111-dddd2222eeee").unwrap();
        assert_eq!(Id::of("AAAABBBB-0000-CCCC-1111-DDDD2222EEEE"), Some(id));
        assert_eq!(Id::from_key(id.bits() | 15), id);
        for text in ["", "a", "aaaabbbb0000cccc1111dddd2222eeee"] {
            assert_eq!(Id::of(text), None, "{text}");
        }
    }

    #[test]
    fn similar_guids_have_different_ids_spread_over_all_pieces() {
        let mut ids = HashSet::new();
        let mut firsts = HashSet::new();
        for number in 0..20_000_u64 {
            for text in [
                format!("{number:08x}-0000-0000-0000-000000000000"),
                format!("00000000-0000-0000-0000-{number:012x}"),
            ] {
                let id = Id::of(&text).unwrap();
                ids.insert(id);
                firsts.insert(id.bits() >> 56);
            }
        }
        // The zero GUID occurs in both forms.
        assert_eq!(ids.len(), 39_999);
        assert_eq!(firsts.len(), 256);
    }
}
