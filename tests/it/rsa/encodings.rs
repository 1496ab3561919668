//! Encoded messages that only the key's owner can sign: the correct one, and others that a lenient verifier would accept. The
//! filter's unit tests try every single byte.

use super::pair::{self, Pair};
use super::{TEXT, verify_by_all};
use entragate::keys::algorithm::Algorithm;
use entragate::token::rsa::verify;
use rsa::sha2::{Digest, Sha256};

const HASH: usize = 32;
/// `DigestInfo` up to the hash (RFC 8017 §9.2, note 1).
const INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A PKCS#1 v1.5 encoding: a header, padding up to the length of the modulus, and the rest.
fn pkcs1(pair: &Pair, header: [u8; 2], padding: u8, rest: &[u8]) -> Vec<u8> {
    let length = pair.key.modulus().len() - header.len() - rest.len();
    [&header[..], &vec![padding; length], rest].concat()
}

#[test]
fn non_canonical_pkcs1_encoding_is_refused() {
    let hash = Sha256::digest(TEXT).to_vec();
    let rest = [&[0][..], &INFO, &hash].concat();
    let mut without_null = INFO.to_vec();
    without_null.drain(15..17);
    without_null[1] -= 2;
    without_null[3] -= 2;
    let without_null = [&[0][..], &without_null, &hash].concat();
    let long_length = [&[0, 0x30, 0x81, 0x31][..], &INFO[2..], &hash].concat();
    let only_hash = [&[0][..], &hash].concat();
    let trailing = [&rest[..], &[0]].concat();
    for bits in [2048, 2049, 3071] {
        let pair = pair::of(bits);
        let right = pkcs1(pair, [0, 1], 0xff, &rest);
        assert!(verify_by_all(
            pair,
            Algorithm::Rs256,
            TEXT,
            &pair.sign_encoded(&right)
        ));
        // Short padding, and bytes after the hash that a parser could overlook.
        let mut short = [&[0, 1][..], &[0xff; 8], &rest].concat();
        short.resize(right.len(), 0);
        let wrong = [
            ("type 2", pkcs1(pair, [0, 2], 0xff, &rest)),
            ("type 0", pkcs1(pair, [0, 0], 0x00, &rest)),
            ("other padding", pkcs1(pair, [0, 1], 0xfe, &rest)),
            ("hash alone", pkcs1(pair, [0, 1], 0xff, &only_hash)),
            ("no NULL", pkcs1(pair, [0, 1], 0xff, &without_null)),
            ("long length", pkcs1(pair, [0, 1], 0xff, &long_length)),
            ("trailing byte", pkcs1(pair, [0, 1], 0xff, &trailing)),
            ("short padding", short),
        ];
        for (label, encoded) in wrong {
            let signature = pair.sign_encoded(&encoded);
            let accepted = verify_by_all(pair, Algorithm::Rs256, TEXT, &signature);
            assert!(!accepted, "{bits} bits, {label}");
        }
    }
}

/// EMSA-PSS-ENCODE (RFC 8017 §9.1.1) with SHA-256, in `bits` bits.
fn pss(bits: usize, salt: &[u8]) -> Vec<u8> {
    let length = bits.div_ceil(8);
    let digest = Sha256::new()
        .chain_update([0; 8])
        .chain_update(Sha256::digest(TEXT))
        .chain_update(salt)
        .finalize();
    let mut block = vec![0; length - HASH - 1 - salt.len()];
    *block.last_mut().unwrap() = 1;
    block.extend_from_slice(salt);
    for (counter, chunk) in (0u32..).zip(block.chunks_mut(HASH)) {
        let mask = Sha256::new()
            .chain_update(digest)
            .chain_update(counter.to_be_bytes());
        chunk
            .iter_mut()
            .zip(mask.finalize())
            .for_each(|(byte, mask)| *byte ^= mask);
    }
    block[0] &= 0xff >> (8 * length - bits);
    [&block[..], &digest, &[0xbc]].concat()
}

#[test]
fn pss_salt_of_another_length_is_refused() {
    for bits in [2048, 2049, 2057, 3071] {
        let pair = pair::of(bits);
        for length in [0, 1, HASH - 1, HASH, HASH + 1, 64] {
            let encoded = pss(bits - 1, &vec![7; length]);
            let signature = pair.sign_encoded(&encoded);
            let accepted = verify_by_all(pair, Algorithm::Ps256, TEXT, &signature);
            assert_eq!(accepted, length == HASH, "{bits} bits, a salt of {length}");
        }
    }
}

/// With 8n + 1 bits, the modulus has one byte more than the encoding. That byte must be zero (RFC 8017 §8.1.2, step 2c). rsa
/// 0.9, and therefore jwt-simple, does not check it.
#[test]
fn pss_message_longer_than_its_encoding_is_refused() {
    for bits in [2049, 2057, 3073] {
        let pair = pair::of(bits);
        let fits = |byte: u8| {
            let encoded = pss(bits - 1, &[byte; HASH]);
            let larger = [&[1], &encoded[..]].concat();
            (&larger[..] < pair.key.modulus()).then_some((encoded, larger))
        };
        let (encoded, larger) = (0..=u8::MAX).find_map(fits).unwrap();
        assert!(verify_by_all(
            pair,
            Algorithm::Ps256,
            TEXT,
            &pair.sign_encoded(&encoded)
        ));
        let signature = pair.sign_encoded(&larger);
        assert!(
            !verify(Algorithm::Ps256, &pair.key, TEXT, &signature),
            "{bits}"
        );
        assert!(
            !pair.verify_by_ring(Algorithm::Ps256, TEXT, &signature),
            "{bits}"
        );
    }
}
