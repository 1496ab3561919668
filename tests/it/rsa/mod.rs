//! The filter's own RSA verification compared with jwt-simple (rsa 0.9), ring and num-bigint's arithmetic.

mod arithmetic;
mod encodings;
mod pair;

use entragate::keys::algorithm::Algorithm;
use entragate::token::rsa::verify;
use pair::{ALGORITHMS, Pair, SIZES, pairs};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rsa::BigUint;

const TEXT: &[u8] = b"header.payload";

/// Runs every implementation and returns their common result.
fn verify_by_all(pair: &Pair, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
    let ours = verify(algorithm, &pair.key, text, signature);
    let bits = pair.key.bits();
    let context = format!("{algorithm:?}, {bits} bits, {} bytes", signature.len());
    let jwt_simple = pair.verify_by_jwt_simple(algorithm, text, signature);
    assert_eq!(ours, jwt_simple, "jwt-simple: {context}");
    let ring = pair.verify_by_ring(algorithm, text, signature);
    assert_eq!(ours, ring, "ring: {context}");
    ours
}

#[test]
fn every_implementation_accepts_every_key_length_and_algorithm() {
    for pair in pairs() {
        for algorithm in ALGORITHMS {
            let signature = pair.signature(algorithm);
            assert_eq!(signature.len(), pair.key.modulus().len());
            assert!(verify_by_all(pair, algorithm, TEXT, &signature));
            assert!(!verify_by_all(pair, algorithm, b"another text", &signature));
            for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                assert!(!verify_by_all(pair, other, TEXT, &signature), "{other:?}");
            }
        }
    }
}

#[test]
fn signature_of_another_key_is_refused() {
    for (pair, other) in pairs().zip(pairs().skip(1)) {
        for algorithm in ALGORITHMS {
            let signature = other.signature(algorithm);
            assert!(!verify_by_all(pair, algorithm, TEXT, &signature));
        }
    }
}

#[test]
fn signature_not_less_than_the_modulus_is_refused() {
    let mut tried = 0;
    for pair in pairs() {
        let modulus = BigUint::from_bytes_be(pair.key.modulus());
        for algorithm in ALGORITHMS {
            let signature = pair.signature(algorithm);
            // The same number modulo the modulus, if it fits into the same number of bytes.
            let larger = (BigUint::from_bytes_be(&signature) + &modulus).to_bytes_be();
            if larger.len() == signature.len() {
                assert!(!verify_by_all(pair, algorithm, TEXT, &larger));
                tried += 1;
            }
            assert!(!verify_by_all(pair, algorithm, TEXT, pair.key.modulus()));
            assert!(!verify_by_all(
                pair,
                algorithm,
                TEXT,
                &vec![0xff; signature.len()]
            ));
        }
    }
    assert!(tried > 0, "a larger signature fits in no key length");
}

#[test]
fn signature_of_another_length_is_refused() {
    for pair in pairs() {
        for algorithm in ALGORITHMS {
            let signature = pair.signature(algorithm);
            let length = signature.len();
            for other in [
                [&[0][..], &signature].concat(),
                [&signature[..], &[0]].concat(),
                signature[1..].to_vec(),
                signature[..length - 1].to_vec(),
                vec![0; length],
                vec![0; 2 * length],
                vec![1],
                vec![],
            ] {
                assert!(!verify_by_all(pair, algorithm, TEXT, &other));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn corrupted_signature_is_refused(
        bits in select(&SIZES[..]),
        algorithm in select(&ALGORITHMS[..]),
        at in any::<Index>(),
        change in 1u8..,
    ) {
        let pair = pair::of(bits);
        let mut signature = pair.signature(algorithm);
        let at = at.index(signature.len());
        signature[at] ^= change;
        prop_assert!(!verify_by_all(pair, algorithm, TEXT, &signature));
    }
}
