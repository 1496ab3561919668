//! The arguments and the result of Envoy's foreign function `verify_signature`, which checks RSA with
//! PKCS#1 v1.5 padding and ECDSA. The host shell makes the call.
//!
//! Source: Envoy's `verify_signature.proto`. Argument fields: 1 hash function, 2 public key
//! (SubjectPublicKeyInfo, DER), 3 signature (DER for ECDSA), 4 text. Field 1 of the result is true if the
//! signature is valid.

use crate::keys::algorithm::Algorithm;
use crate::keys::der::{SEQUENCE, element, integer};
use crate::keys::jwk::Key;
use crate::token::jws::Unverified;

pub const FUNCTION: &str = "verify_signature";

/// Returns the name of the algorithm's hash function, or `None` if the host does not check the algorithm.
pub const fn hash(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 => Some("sha512"),
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => None,
    }
}

/// Encodes the arguments for a token and a key. Returns `None` if the signature cannot be valid.
pub fn arguments(token: &Unverified<'_>, key: &Key) -> Option<Vec<u8>> {
    let text = token.signing_input.as_bytes();
    arguments_for_text(token.algorithm, key, token.signature, text)
}

/// Encodes the arguments for any text.
pub fn arguments_for_text(
    algorithm: Algorithm,
    key: &Key,
    signature: &[u8],
    text: &[u8],
) -> Option<Vec<u8>> {
    let hash = hash(algorithm).filter(|_| key.serves(algorithm))?;
    let signature = match algorithm {
        Algorithm::Es256 => &ecdsa::<32>(signature)?[..],
        Algorithm::Es384 => &ecdsa::<48>(signature)?[..],
        _ => signature,
    };
    let fields = [hash.as_bytes(), &key.spki, signature, text];
    let size: usize = fields.iter().map(|field| field.len() + 6).sum();
    let mut arguments = Vec::with_capacity(size);
    for (number, field) in (1..).zip(fields) {
        const LENGTH_DELIMITED: u8 = 2;
        arguments.push(number << 3 | LENGTH_DELIMITED);
        push_varint(&mut arguments, field.len());
        arguments.extend_from_slice(field);
    }
    Some(arguments)
}

/// Returns whether the result is exactly the encoding of true.
pub fn is_valid(result: &[u8]) -> bool {
    result == [1 << 3, 1]
}

/// Converts a JWS signature, r followed by s in `N` bytes each (RFC 7518 §3.4), to the `ECDSA-Sig-Value`
/// of RFC 3279 §2.2.3.
fn ecdsa<const N: usize>(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_first_chunk::<N>()?;
    let s: &[u8; N] = s.try_into().ok()?;
    Some(element(SEQUENCE, &[&integer(r), &integer(s)]))
}

fn push_varint(to: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        match number {
            0 => return to.push(low),
            _ => to.push(low | 0x80),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::keys;
    use testbed::mint::Token;
    use testbed::persona::Persona;

    fn parse(token: &str) -> Unverified<'_> {
        Unverified::parse(token, &["jwt".into()], Box::leak(Box::default())).unwrap()
    }

    fn key(algorithm: keys::Algorithm) -> Key {
        Key::from_jwk(&keys::cached(algorithm).to_jwk()).unwrap()
    }

    /// Decodes fields 1 to 4.
    fn fields(mut arguments: &[u8]) -> Vec<Vec<u8>> {
        let mut fields = Vec::new();
        while let [tag, rest @ ..] = arguments {
            assert_eq!(usize::from(*tag), (fields.len() + 1) << 3 | 2);
            let (mut length, mut shift, mut rest) = (0, 0, rest);
            loop {
                let byte = usize::from(rest[0]);
                rest = &rest[1..];
                length |= (byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            fields.push(rest[..length].to_vec());
            arguments = &rest[length..];
        }
        fields
    }

    #[test]
    fn arguments_contain_hash_key_signature_and_text() {
        let signer = keys::rsa();
        let token = Token::of(Persona::Ada).signed_by(&signer).build();
        let (token, key) = (parse(&token), key(keys::Algorithm::Rs256));
        let fields = fields(&arguments(&token, &key).unwrap());
        let text = token.signing_input.as_bytes();
        assert_eq!(fields, [b"sha256", &key.spki[..], token.signature, text]);
    }

    #[test]
    fn ecdsa_signature_is_converted_to_der() {
        let signer = keys::cached(keys::Algorithm::Es384);
        let key = key(keys::Algorithm::Es384);
        let token = Token::of(Persona::Kim).signed_by(&signer).build();
        let mut token = parse(&token);
        let signature = [[0; 48], [0x80; 48]].concat();
        token.signature = &signature;
        let fields = fields(&arguments(&token, &key).unwrap());
        assert_eq!(fields[0], b"sha384");
        let expected = [&[0x30, 54, 2, 1, 0, 2, 49, 0][..], &[0x80; 48]].concat();
        assert_eq!(fields[2], expected);
        for length in [0, 1, 47, 48, 64, 95, 97, 192] {
            token.signature = &[1; 192][..length];
            assert_eq!(arguments(&token, &key), None, "{length}");
        }
    }

    #[test]
    fn ecdsa_signature_of_wrong_length_is_rejected() {
        for (algorithm, hash, length) in [
            (Algorithm::Es256, "sha256", 32),
            (Algorithm::Es384, "sha384", 48),
        ] {
            let signer = keys::Algorithm::ALL
                .into_iter()
                .find(|signer| signer.name() == algorithm.name());
            let key = key(signer.unwrap());
            let signature = [vec![1; length], vec![2; length]].concat();
            let encoded =
                fields(&arguments_for_text(algorithm, &key, &signature, b"text").unwrap());
            let number = |value: u8| [vec![2, length as u8], vec![value; length]].concat();
            let expected = [vec![0x30, 2 * length as u8 + 4], number(1), number(2)].concat();
            assert_eq!(encoded, [hash.as_bytes(), &key.spki, &expected, b"text"]);
            for wrong in [64, 96].into_iter().filter(|wrong| *wrong != 2 * length) {
                assert_eq!(
                    arguments_for_text(algorithm, &key, &vec![1; wrong], b"text"),
                    None
                );
            }
        }
    }

    #[test]
    fn unsupported_algorithm_or_key_has_no_arguments() {
        let signer = keys::rsa();
        let token = Token::of(Persona::Ada).signed_by(&signer);
        let ps256 = token.clone().algorithm(keys::Algorithm::Ps256).build();
        let rsa = key(keys::Algorithm::Rs256);
        assert_eq!(arguments(&parse(&ps256), &rsa), None);
        let token = token.build();
        assert_eq!(
            arguments(&parse(&token), &key(keys::Algorithm::Es256)),
            None
        );
    }

    #[test]
    fn only_the_encoding_of_true_is_valid() {
        assert!(is_valid(&[8, 1]));
        for result in [
            [].as_slice(),
            &[8],
            &[8, 0],
            &[8, 2],
            &[8, 1, 0],
            &[1],
            b"true",
        ] {
            assert!(!is_valid(result), "{result:?}");
        }
    }
}
