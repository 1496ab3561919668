//! A DER (ITU-T X.690) encoder for keys and signatures.

pub const SEQUENCE: u8 = 0x30;
pub const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// Encodes one element: tag, length in its shortest form, contents.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut element = Vec::with_capacity(length + 6);
    element.push(tag);
    push_length(&mut element, length);
    for part in parts {
        element.extend_from_slice(part);
    }
    element
}

/// Encodes a non-negative INTEGER from its big-endian bytes.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let number = bytes.get(zeros..).unwrap_or_default();
    match number.first() {
        // Zero is one byte. A number whose highest bit is set would be negative without the leading zero.
        None => element(INTEGER, &[&[0]]),
        Some(first) if first & 0x80 != 0 => element(INTEGER, &[&[0], number]),
        Some(_) => element(INTEGER, &[number]),
    }
}

fn push_length(to: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => to.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let digits = bytes.get(zeros..).unwrap_or_default();
            // A length has at most eight bytes.
            to.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
            to.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_encoded_in_shortest_form() {
        for (length, head) in [
            (0, [0x30, 0].as_slice()),
            (0x7f, &[0x30, 0x7f]),
            (0x80, &[0x30, 0x81, 0x80]),
            (0xff, &[0x30, 0x81, 0xff]),
            (0x100, &[0x30, 0x82, 1, 0]),
            (0x12345, &[0x30, 0x83, 1, 0x23, 0x45]),
        ] {
            let element = element(SEQUENCE, &[&vec![7; length]]);
            assert_eq!(&element[..head.len()], head, "{length}");
            assert_eq!(element.len(), head.len() + length);
        }
    }

    #[test]
    fn integer_is_minimal_and_non_negative() {
        for (bytes, expected) in [
            ([].as_slice(), [2, 1, 0].as_slice()),
            (&[0, 0], &[2, 1, 0]),
            (&[0, 0, 0x7f], &[2, 1, 0x7f]),
            (&[0x80], &[2, 2, 0, 0x80]),
            (&[0, 1, 0], &[2, 2, 1, 0]),
        ] {
            assert_eq!(integer(bytes), expected, "{bytes:?}");
        }
    }
}
