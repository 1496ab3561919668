//! An independent implementation of Envoy's foreign function `verify_signature`: RSA PKCS#1 v1.5 and ECDSA in DER.

use p256::ecdsa::signature::Verifier as _;
use rsa::pkcs1v15;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::sha2::{Sha256, Sha384, Sha512};

/// The answer to a question; `None` if it is malformed or the kind of key is not supported.
pub fn verify_signature(question: &[u8]) -> Option<Vec<u8>> {
    let [hash, key, signature, text] = fields(question)?;
    let holds = rsa(hash, key, signature, text).or_else(|| ecdsa(hash, key, signature, text))?;
    Some(if holds { vec![1 << 3, 1] } else { Vec::new() })
}

fn rsa(hash: &[u8], key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
    use rsa::signature::Verifier as _;
    let key = rsa::RsaPublicKey::from_public_key_der(key).ok()?;
    let signature = pkcs1v15::Signature::try_from(signature).ok()?;
    let result = match hash {
        b"sha256" => pkcs1v15::VerifyingKey::<Sha256>::new(key).verify(text, &signature),
        b"sha384" => pkcs1v15::VerifyingKey::<Sha384>::new(key).verify(text, &signature),
        b"sha512" => pkcs1v15::VerifyingKey::<Sha512>::new(key).verify(text, &signature),
        _ => return None,
    };
    Some(result.is_ok())
}

fn ecdsa(hash: &[u8], key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
    match hash {
        b"sha256" => {
            use p256::pkcs8::DecodePublicKey as _;
            let key = p256::ecdsa::VerifyingKey::from_public_key_der(key).ok()?;
            let signature = p256::ecdsa::DerSignature::try_from(signature);
            Some(signature.is_ok_and(|signature| key.verify(text, &signature).is_ok()))
        }
        b"sha384" => {
            use p384::pkcs8::DecodePublicKey as _;
            let key = p384::ecdsa::VerifyingKey::from_public_key_der(key).ok()?;
            let signature = p384::ecdsa::DerSignature::try_from(signature);
            Some(signature.is_ok_and(|signature| key.verify(text, &signature).is_ok()))
        }
        _ => None,
    }
}

/// Fields 1 to 4 of a protobuf message that has only those.
fn fields(mut message: &[u8]) -> Option<[&[u8]; 4]> {
    let mut fields = [[].as_slice(); 4];
    while let Some((tag, rest)) = message.split_first() {
        let (size, rest) = varint(rest)?;
        let (value, rest) = rest.split_at_checked(size)?;
        if tag & 7 != 2 {
            return None;
        }
        *fields.get_mut(usize::from(tag >> 3).checked_sub(1)?)? = value;
        message = rest;
    }
    Some(fields)
}

fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}
