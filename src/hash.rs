//! BLAKE2b-256 (RFC 7693). It is as collision-resistant as SHA-256 and faster in wasm, which has 64-bit arithmetic but no
//! instructions for either hash.

/// Length of a hash in bytes.
pub const LENGTH: usize = 32;

/// Returns the hash of some bytes, without a key.
pub fn blake2b(bytes: &[u8]) -> [u8; LENGTH] {
    let mut own = [0; LENGTH];
    let hash = blake2b_simd::Params::new().hash_length(LENGTH).hash(bytes);
    own.iter_mut()
        .zip(hash.as_bytes())
        .for_each(|(own, byte)| *own = *byte);
    own
}
