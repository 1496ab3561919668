//! The modular arithmetic of a verification, for moduli of all accepted lengths.

use entragate::keys::rsa::{BITS, RsaKey};
use proptest::prelude::*;
use rsa::BigUint;

/// The bytes of a number, in runs of four that are random or extreme, because extreme values cause carries.
fn number(bytes: usize) -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        3 => any::<[u8; 4]>(),
        1 => Just([0; 4]),
        1 => Just([0xff; 4]),
        1 => Just([0, 0, 0, 1]),
        1 => Just([0x80, 0, 0, 0]),
    ];
    prop::collection::vec(run, bytes.div_ceil(4))
        .prop_map(move |runs| runs.concat()[..bytes].to_vec())
}

/// An odd number of exactly `bits` bits.
fn modulus(bits: usize) -> impl Strategy<Value = Vec<u8>> {
    number(bits.div_ceil(8)).prop_map(move |mut bytes| {
        let top = (bits - 1) % 8;
        bytes[0] = bytes[0] & (0xff >> (7 - top)) | 1 << top;
        *bytes.last_mut().unwrap() |= 1;
        bytes
    })
}

/// RSAVP1 by num-bigint, as long as the modulus.
fn expected(modulus: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let (n, s) = (
        BigUint::from_bytes_be(modulus),
        BigUint::from_bytes_be(signature),
    );
    let fits = s < n && signature.len() == modulus.len();
    fits.then(|| {
        let digits = s.modpow(&BigUint::from(65537u32), &n).to_bytes_be();
        [vec![0; modulus.len() - digits.len()], digits].concat()
    })
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        BITS,
        prop::sample::select(vec![2048, 2049, 3072, 3073, 4095, 4096])
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn recovered_message_equals_that_of_num_bigint(
        (modulus, signature) in sizes().prop_flat_map(|bits| {
            (modulus(bits), number(bits.div_ceil(8)))
        }),
    ) {
        let key = RsaKey::new(&modulus).unwrap();
        prop_assert_eq!(key.recover(&signature), expected(&modulus, &signature));
        // Less than any modulus of this length.
        let mut small = signature;
        small[0] = 0;
        small[1] &= 0x7f;
        let recovered = key.recover(&small);
        prop_assert!(recovered.is_some());
        prop_assert_eq!(recovered, expected(&modulus, &small));
    }
}

#[test]
fn public_operation_is_correct_at_the_range_limits() {
    for bits in [2048, 2049, 2500, 3072, 3073, 4095, 4096] {
        let ones = {
            let mut bytes = vec![0xff; bits / 8 + usize::from(bits % 8 != 0)];
            bytes[0] = 0xff >> ((8 - bits % 8) % 8);
            bytes
        };
        let power_and_one = {
            let mut bytes = vec![0; ones.len()];
            bytes[0] = 1 << ((bits - 1) % 8);
            *bytes.last_mut().unwrap() = 1;
            bytes
        };
        for modulus in [ones, power_and_one] {
            let key = RsaKey::new(&modulus).unwrap();
            let near = |distance: i8| {
                let n = BigUint::from_bytes_be(&modulus);
                let sum = match distance {
                    ..0 => n - BigUint::from(distance.unsigned_abs()),
                    _ => n + BigUint::from(distance.unsigned_abs()),
                };
                let digits = sum.to_bytes_be();
                [vec![0; modulus.len().saturating_sub(digits.len())], digits].concat()
            };
            for distance in -2..=2 {
                let signature = near(distance);
                let recovered = key.recover(&signature);
                assert_eq!(
                    recovered,
                    expected(&modulus, &signature),
                    "{bits} {distance}"
                );
                assert_eq!(recovered.is_some(), distance < 0, "{bits} {distance}");
            }
            for last in [0, 1, 2] {
                let mut signature = vec![0; modulus.len()];
                *signature.last_mut().unwrap() = last;
                assert_eq!(key.recover(&signature), expected(&modulus, &signature));
            }
        }
    }
}

#[test]
fn even_modulus_or_unsupported_length_makes_no_key() {
    let of_bits = |bits: usize, last: u8| {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] = 0xff >> (bytes.len() * 8 - bits);
        *bytes.last_mut().unwrap() = last;
        bytes
    };
    for bits in [2048, 2049, 3072, 3073, 4095, 4096] {
        let modulus = of_bits(bits, 0xff);
        let key = RsaKey::new(&modulus).unwrap();
        assert_eq!((key.bits(), key.modulus()), (bits, &modulus[..]));
        assert_eq!(RsaKey::new(&[&[0, 0], &modulus[..]].concat()), Some(key));
        assert_eq!(RsaKey::new(&of_bits(bits, 0xfe)), None);
    }
    for bits in [8, 1024, 2047, 4097, 8192] {
        assert_eq!(RsaKey::new(&of_bits(bits, 0xff)), None, "{bits}");
    }
    assert_eq!(RsaKey::new(&[]), None);
    assert_eq!(RsaKey::new(&[0; 256]), None);
}
