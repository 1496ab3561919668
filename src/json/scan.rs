//! Finds the ends of texts and lines, eight bytes at a time: most bytes of a body are inside long strings. 64-bit integers are
//! native in wasm, so this needs no SIMD, which a host may lack.

const SIZE: usize = size_of::<u64>();
/// The number one in each byte.
const ONES: u64 = u64::MAX / 0xff;
/// The highest bit of each byte.
const HIGH: u64 = ONES << 7;

/// Returns the position of the first LF or CR.
pub fn line_end(bytes: &[u8]) -> Option<usize> {
    first(bytes, |word| equal(word, b'\n') | equal(word, b'\r'))
}

/// Returns the position of the first byte that ends a JSON string or begins an escape: `"` or `\`.
pub fn text_end(bytes: &[u8]) -> Option<usize> {
    first(bytes, quote_or_backslash)
}

/// Returns the position of the first byte that has a meaning in a JSON string, or is not allowed there: `"`, `\`, or a control
/// character.
pub fn special(bytes: &[u8]) -> Option<usize> {
    first(bytes, |word| quote_or_backslash(word) | below(word, b' '))
}

/// Returns the position of the first byte that is not a plain character of a JSON string: `"`, `\`, a control character, or not
/// ASCII.
pub fn not_plain(bytes: &[u8]) -> Option<usize> {
    first(bytes, |word| {
        quote_or_backslash(word) | below(word, b' ') | word & HIGH
    })
}

/// Whether the test passes for the rest of the bytes from any `"` or `\` on. The test must check the first byte, since
/// it may also be called at other bytes.
pub fn any_from_quote_or_backslash(bytes: &[u8], test: impl Fn(&[u8]) -> bool) -> bool {
    let (words, rest) = bytes.as_chunks();
    let is_in = |at: usize, word: [u8; SIZE]| {
        let mut marked = quote_or_backslash(u64::from_le_bytes(word));
        while marked != 0 {
            let from = at + marked.trailing_zeros() as usize / 8;
            if bytes.get(from..).is_some_and(&test) {
                return true;
            }
            marked &= marked - 1;
        }
        false
    };
    let mut all = words.iter().enumerate();
    all.any(|(index, word)| is_in(index * SIZE, *word)) || is_in(words.len() * SIZE, padded(rest))
}

fn quote_or_backslash(word: u64) -> u64 {
    equal(word, b'"') | equal(word, b'\\')
}

/// Returns the position of the first byte that `marks` marks with its highest bit. If a byte of a word is marked,
/// higher bytes may be marked wrongly, since a borrow crosses bytes. A space must not be marked.
fn first(bytes: &[u8], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let lowest = |word: [u8; SIZE]| match marks(u64::from_le_bytes(word)) {
        0 => None,
        marked => Some(marked.trailing_zeros() as usize / 8),
    };
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = lowest(*word) {
            return Some(index * SIZE + at);
        }
    }
    lowest(padded(rest)).map(|at| words.len() * SIZE + at)
}

/// Returns the bytes, followed by spaces.
fn padded(bytes: &[u8]) -> [u8; SIZE] {
    let mut word = [b' '; SIZE];
    word.iter_mut()
        .zip(bytes)
        .for_each(|(to, byte)| *to = *byte);
    word
}

/// Marks the bytes of a word that equal a byte.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// Marks the bytes of a word that are below a bound of at most 0x80.
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(ONES * bound as u64) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes, some of which are adjacent to searched bytes, so that a borrow could change their marks.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let special =
            prop::sample::select(b"\n\r\x0b\x0c\x0e\"#\\]\x00\x1f !\x7f\x80\xff".to_vec());
        let byte = prop_oneof![8 => b'a'..=b'z', 1 => special, 1 => any::<u8>()];
        prop::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn result_is_that_of_a_search_byte_by_byte(bytes in bytes()) {
            let position = |is_end: fn(&u8) -> bool| bytes.iter().position(is_end);
            prop_assert_eq!(line_end(&bytes), position(|byte| matches!(byte, b'\n' | b'\r')));
            prop_assert_eq!(text_end(&bytes), position(|byte| matches!(byte, b'"' | b'\\')));
            prop_assert_eq!(special(&bytes), position(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')));
            let is_plain = |byte: &u8| matches!(byte, b' '..=0x7f) && !matches!(byte, b'"' | b'\\');
            prop_assert_eq!(not_plain(&bytes), bytes.iter().position(|byte| !is_plain(byte)));
            for (at, byte) in bytes.iter().enumerate() {
                let is_here = |rest: &[u8]| {
                    rest.len() == bytes.len() - at && matches!(rest, [b'"' | b'\\', ..])
                };
                let is_found = matches!(byte, b'"' | b'\\');
                prop_assert_eq!(any_from_quote_or_backslash(&bytes, is_here), is_found);
            }
            prop_assert!(!any_from_quote_or_backslash(&bytes, |rest| rest.is_empty()));
        }
    }

    #[test]
    fn every_byte_is_found_at_every_position() {
        for byte in 0..=u8::MAX {
            for at in 0..17 {
                let mut bytes = [b'a'; 17];
                bytes[at] = byte;
                let found = |is_end: bool| is_end.then_some(at);
                let is_quote = matches!(byte, b'"' | b'\\');
                assert_eq!(
                    line_end(&bytes),
                    found(matches!(byte, b'\n' | b'\r')),
                    "{byte}"
                );
                assert_eq!(text_end(&bytes), found(is_quote), "{byte}");
                assert_eq!(special(&bytes), found(is_quote || byte < b' '), "{byte}");
                let is_plain = matches!(byte, b' '..=0x7f) && !is_quote;
                assert_eq!(not_plain(&bytes), found(!is_plain), "{byte}");
            }
        }
    }
}
