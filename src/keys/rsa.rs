//! RSA public keys, prepared once so that a verification is only modular arithmetic.
//!
//! crypto-bigint does the arithmetic. All inputs are public, so variable-time functions are safe here. The widths are
//! fixed at compile time for speed.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Limb, Odd, U2048, U3072, U4096, Uint, Word};
use std::fmt;
use std::ops::RangeInclusive;

/// Accepted modulus lengths in bits. RFC 7518 §3.3 requires at least 2048; the upper bound limits the
/// cost of one verification.
pub const BITS: RangeInclusive<usize> = 2048..=4096;
/// 65537, the only accepted exponent.
pub const EXPONENT: [u8; 3] = [1, 0, 1];
/// The exponent 65537 is two to the power of this number, plus one.
const SQUARINGS: u32 = 16;

/// A public key with exponent 65537.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaKey {
    /// Big-endian, without leading zeros.
    modulus: Vec<u8>,
    montgomery: Montgomery,
}

/// The parameters of Montgomery multiplication for a modulus, in the narrowest width that fits it.
#[derive(Clone, PartialEq, Eq)]
enum Montgomery {
    U2048(Box<FixedMontyParams<{ U2048::LIMBS }>>),
    U3072(Box<FixedMontyParams<{ U3072::LIMBS }>>),
    U4096(Box<FixedMontyParams<{ U4096::LIMBS }>>),
}

impl RsaKey {
    /// Prepares a key from the big-endian bytes of its modulus. Returns `None` if the modulus is even or its
    /// length is not in [`BITS`].
    pub fn new(modulus: &[u8]) -> Option<Self> {
        let modulus = without_leading_zeros(modulus);
        let montgomery = match bits(modulus) {
            bits if !BITS.contains(&bits) => return None,
            2048 => Montgomery::U2048(Box::new(prepare(modulus)?)),
            2049..=3072 => Montgomery::U3072(Box::new(prepare(modulus)?)),
            _ => Montgomery::U4096(Box::new(prepare(modulus)?)),
        };
        Some(Self {
            modulus: modulus.to_vec(),
            montgomery,
        })
    }

    /// The modulus, big-endian, without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The length of the modulus in bits.
    pub fn bits(&self) -> usize {
        bits(&self.modulus)
    }

    /// Returns the encoded message of a signature, with the length of the modulus (RSAVP1, RFC 8017
    /// §5.2.2). Returns `None` if the signature does not have the length of the modulus or is not less than the
    /// modulus.
    pub fn recover(&self, signature: &[u8]) -> Option<Vec<u8>> {
        if signature.len() != self.modulus.len() {
            return None;
        }
        let mut message = vec![0; self.modulus.len()];
        match &self.montgomery {
            Montgomery::U2048(params) => raise(signature, params, &mut message),
            Montgomery::U3072(params) => raise(signature, params, &mut message),
            Montgomery::U4096(params) => raise(signature, params, &mut message),
        }?;
        Some(message)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey")
            .field("modulus", &self.modulus)
            .finish_non_exhaustive()
    }
}

/// Returns the length in bits of a number without leading zero bytes.
pub fn bits(number: &[u8]) -> usize {
    match number.first() {
        Some(first) => number.len() * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn prepare<const LIMBS: usize>(modulus: &[u8]) -> Option<FixedMontyParams<LIMBS>> {
    let modulus = Odd::new(read(modulus)).into_option()?;
    Some(FixedMontyParams::new_vartime(modulus))
}

/// Raises the signature to the power of 65537 and writes the result to `message`. Returns `None` if the
/// signature is not less than the modulus.
fn raise<const LIMBS: usize>(
    signature: &[u8],
    params: &FixedMontyParams<LIMBS>,
    message: &mut [u8],
) -> Option<()> {
    let signature = read(signature);
    if signature.cmp_vartime(params.modulus().as_ref()).is_ge() {
        return None;
    }
    let base = FixedMontyForm::new(&signature, params);
    let power = base.square_repeat_vartime(SQUARINGS).mul(&base);
    write(&power.retrieve(), message);
    Some(())
}

/// Reads a big-endian number that fits the result.
fn read<const LIMBS: usize>(bytes: &[u8]) -> Uint<LIMBS> {
    let mut limbs = [Limb::ZERO; LIMBS];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.rchunks(Limb::BYTES)) {
        let push = |word: Word, byte: &u8| word << 8 | Word::from(*byte);
        *limb = Limb(bytes.iter().fold(0, push));
    }
    Uint::new(limbs)
}

/// Writes the number in big-endian order and fills `bytes` exactly.
fn write<const LIMBS: usize>(number: &Uint<LIMBS>, bytes: &mut [u8]) {
    for (limb, bytes) in number.as_limbs().iter().zip(bytes.rchunks_mut(Limb::BYTES)) {
        let digits = limb.0.to_be_bytes();
        for (byte, digit) in bytes.iter_mut().rev().zip(digits.iter().rev()) {
            *byte = *digit;
        }
    }
}
