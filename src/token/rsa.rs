//! RSA signatures (RFC 8017) with the two encodings of RFC 7518. All inputs are public, so comparisons
//! need not take constant time.

use crate::keys::algorithm::Algorithm;
use crate::keys::rsa::RsaKey;
use sha2::digest::Output;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The DER encoding of `DigestInfo` before the hash (RFC 8017 §9.2, note 1).
const SHA256_INFO: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
const SHA384_INFO: &[u8] =
    b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30";
const SHA512_INFO: &[u8] =
    b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";

/// Returns whether `signature` is valid for `text` with this key and algorithm. Always false for an
/// algorithm that is not RSA.
pub fn verify(algorithm: Algorithm, key: &RsaKey, text: &[u8], signature: &[u8]) -> bool {
    let scheme: fn(&[u8], &[u8], usize) -> Option<bool> = match algorithm {
        Algorithm::Rs256 => |encoded, text, _| pkcs1::<Sha256>(encoded, SHA256_INFO, text),
        Algorithm::Rs384 => |encoded, text, _| pkcs1::<Sha384>(encoded, SHA384_INFO, text),
        Algorithm::Rs512 => |encoded, text, _| pkcs1::<Sha512>(encoded, SHA512_INFO, text),
        Algorithm::Ps256 => pss::<Sha256>,
        Algorithm::Ps384 => pss::<Sha384>,
        Algorithm::Ps512 => pss::<Sha512>,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return false,
    };
    let encoded = key.recover(signature);
    encoded
        .and_then(|encoded| scheme(&encoded, text, key.bits()))
        .unwrap_or(false)
}

/// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2). Compares with the only valid encoding, so nothing is parsed.
fn pkcs1<D: Digest>(encoded: &[u8], info: &[u8], text: &[u8]) -> Option<bool> {
    const SHORTEST_PADDING: usize = 8;
    let hash = D::digest(text);
    let padding = encoded.len().checked_sub(3 + info.len() + hash.len())?;
    if padding < SHORTEST_PADDING {
        return None;
    }
    let filling = vec![0xff; padding];
    let expected = [&[0, 1], &filling[..], &[0], info, &hash].concat();
    Some(encoded == expected)
}

/// EMSA-PSS-VERIFY (RFC 8017 §9.1.2). MGF1 uses the same hash, and the salt is as long as the hash (RFC
/// 7518 §3.5).
fn pss<D: Digest>(encoded: &[u8], text: &[u8], modulus_bits: usize) -> Option<bool> {
    const TRAILER: u8 = 0xbc;
    let encoded_bits = modulus_bits.checked_sub(1)?;
    let length = encoded_bits.div_ceil(8);
    // A modulus of 8n + 1 bits is one byte longer than the encoding (RFC 8017 §8.1.2, step 2c).
    let (excess, encoded) = encoded.split_at_checked(encoded.len().checked_sub(length)?)?;
    let (trailer, encoded) = encoded.split_last()?;
    if excess.iter().any(|byte| *byte != 0) || *trailer != TRAILER {
        return None;
    }
    let hash_length = <D as Digest>::output_size();
    let (masked, seed) = encoded.split_at_checked(encoded.len().checked_sub(hash_length)?)?;
    let mut block = masked.to_vec();
    mask::<D>(&mut block, seed);
    let first = block.first_mut()?;
    // The unused leading bits of the masked block must be zero; the mask does not cover them.
    let unused = u32::try_from(length * 8 - encoded_bits).ok()?;
    let used = u8::MAX.checked_shr(unused)?;
    if masked.first()? & !used != 0 {
        return None;
    }
    *first &= used;
    let (padding, salt) = block.split_at_checked(block.len().checked_sub(hash_length)?)?;
    let (one, zeros) = padding.split_last()?;
    if *one != 1 || zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    let digest = D::new()
        .chain_update([0; 8])
        .chain_update(D::digest(text))
        .chain_update(salt);
    Some(digest.finalize()[..] == *seed)
}

/// XORs the MGF1 mask (RFC 8017 §B.2.1) onto the block.
fn mask<D: Digest>(block: &mut [u8], seed: &[u8]) {
    let mut chunks = block.chunks_mut(<D as Digest>::output_size());
    for (counter, chunk) in (0u32..).zip(&mut chunks) {
        let digest: Output<D> = D::new()
            .chain_update(seed)
            .chain_update(counter.to_be_bytes())
            .finalize();
        for (byte, mask) in chunk.iter_mut().zip(&digest) {
            *byte ^= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"text";

    /// Modulus lengths, including 8n + 1 bits and lengths that are not whole bytes.
    const BITS: [usize; 7] = [2048, 2049, 2050, 2055, 2056, 3072, 4096];

    fn pkcs1_encoding(bits: usize) -> Vec<u8> {
        let hash = Sha256::digest(TEXT);
        let rest = [&[0], SHA256_INFO, &hash].concat();
        let padding = vec![0xff; bits.div_ceil(8) - 2 - rest.len()];
        [&[0, 1], &padding[..], &rest].concat()
    }

    /// EMSA-PSS-ENCODE (RFC 8017 §9.1.1), padded to the length of the modulus.
    fn pss_encoding<D: Digest>(bits: usize, salt: &[u8], separator: u8) -> Vec<u8> {
        let (length, hash_length) = ((bits - 1).div_ceil(8), <D as Digest>::output_size());
        let digest = D::new()
            .chain_update([0; 8])
            .chain_update(D::digest(TEXT))
            .chain_update(salt)
            .finalize();
        let mut block = vec![0; length - hash_length - 1 - salt.len()];
        *block.last_mut().unwrap() = separator;
        block.extend_from_slice(salt);
        mask::<D>(&mut block, &digest);
        block[0] &= 0xff >> (8 * length - (bits - 1));
        let excess = vec![0; bits.div_ceil(8) - length];
        [&excess[..], &block, &digest, &[0xbc]].concat()
    }

    /// Asserts that flipping any bit of a valid encoding makes it invalid.
    fn assert_every_bit_matters(right: &[u8], accepts: impl Fn(&[u8]) -> bool) {
        assert!(accepts(right));
        for at in 0..right.len() * 8 {
            let mut wrong = right.to_vec();
            wrong[at / 8] ^= 1 << (at % 8);
            assert!(!accepts(&wrong), "bit {at}");
        }
    }

    #[test]
    fn pkcs1_encoding_with_a_flipped_bit_is_refused() {
        for bits in BITS {
            assert_every_bit_matters(&pkcs1_encoding(bits), |encoded| {
                pkcs1::<Sha256>(encoded, SHA256_INFO, TEXT) == Some(true)
            });
        }
    }

    #[test]
    fn pss_encoding_with_a_flipped_bit_is_refused() {
        for bits in BITS {
            assert_every_bit_matters(&pss_encoding::<Sha256>(bits, &[7; 32], 1), |encoded| {
                pss::<Sha256>(encoded, TEXT, bits) == Some(true)
            });
        }
        assert_every_bit_matters(&pss_encoding::<Sha512>(2049, &[7; 64], 1), |encoded| {
            pss::<Sha512>(encoded, TEXT, 2049) == Some(true)
        });
    }

    #[test]
    fn pss_salt_of_another_length_is_refused() {
        for bits in BITS {
            for length in [0, 1, 31, 33, 64] {
                let encoded = pss_encoding::<Sha256>(bits, &vec![7; length], 1);
                assert_ne!(pss::<Sha256>(&encoded, TEXT, bits), Some(true), "{length}");
            }
            let separator = pss_encoding::<Sha256>(bits, &[7; 32], 2);
            assert_ne!(pss::<Sha256>(&separator, TEXT, bits), Some(true));
        }
    }

    #[test]
    fn short_encoding_is_refused() {
        // The shortest valid length: the hash and eight bytes of padding.
        let shortest = 3 + 8 + SHA256_INFO.len() + 32;
        let encoding = pkcs1_encoding(shortest * 8);
        assert_eq!(pkcs1::<Sha256>(&encoding, SHA256_INFO, TEXT), Some(true));
        let short = pkcs1_encoding((shortest - 1) * 8);
        assert_eq!(pkcs1::<Sha256>(&short, SHA256_INFO, TEXT), None);
        for length in 0..70 {
            assert_ne!(
                pkcs1::<Sha256>(&vec![0; length], SHA256_INFO, TEXT),
                Some(true)
            );
            assert_ne!(
                pss::<Sha256>(&vec![0xbc; length], TEXT, length * 8),
                Some(true)
            );
        }
    }
}
