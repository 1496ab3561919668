//! What Envoy's foreign function `verify_signature` is asked, and what its answer means. It checks
//! RSA with PKCS#1 v1.5 padding and ECDSA; the host shell makes the call.
//!
//! Source: Envoy's `verify_signature.proto`: 1 hash function, 2 public key (SubjectPublicKeyInfo,
//! DER), 3 signature (DER for ECDSA), 4 text; the answer's field 1 is true for yes.

use crate::keys::algorithm::Algorithm;
use crate::keys::der::{SEQUENCE, element, integer};
use crate::keys::jwk::Key;
use crate::token::jws::Unverified;

pub const FUNCTION: &str = "verify_signature";

/// The algorithms that the function checks, each by the name of its hash.
pub const fn hash(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 => Some("sha512"),
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => None,
    }
}

/// The question for a token and a key. `None`: the signature can't hold, whoever is asked.
pub fn question(token: &Unverified<'_>, key: &Key) -> Option<Vec<u8>> {
    let text = token.signing_input.as_bytes();
    ask(token.algorithm, key, token.signature, text)
}

/// The same for any text.
pub fn ask(algorithm: Algorithm, key: &Key, signature: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let hash = hash(algorithm).filter(|_| key.serves(algorithm))?;
    let signature = match algorithm {
        Algorithm::Es256 => &ecdsa::<32>(signature)?[..],
        Algorithm::Es384 => &ecdsa::<48>(signature)?[..],
        _ => signature,
    };
    let fields = [hash.as_bytes(), &key.spki, signature, text];
    let size: usize = fields.iter().map(|field| field.len() + 6).sum();
    let mut question = Vec::with_capacity(size);
    for (number, field) in (1..).zip(fields) {
        const LENGTH_DELIMITED: u8 = 2;
        question.push(number << 3 | LENGTH_DELIMITED);
        push_varint(&mut question, field.len());
        question.extend_from_slice(field);
    }
    Some(question)
}

/// Whether an answer is a yes: exactly that, and nothing like it.
pub fn is_yes(answer: &[u8]) -> bool {
    answer == [1 << 3, 1]
}

/// A JWS signature, r and s one after the other in `N` bytes each (RFC 7518 §3.4), as the
/// `ECDSA-Sig-Value` of RFC 3279 §2.2.3.
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

    /// Reads fields 1 to 4 back.
    fn fields(mut question: &[u8]) -> Vec<Vec<u8>> {
        let mut fields = Vec::new();
        while let [tag, rest @ ..] = question {
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
            question = &rest[length..];
        }
        fields
    }

    #[test]
    fn a_question_holds_hash_key_signature_and_text() {
        let signer = keys::rsa();
        let token = Token::of(Persona::Ada).signed_by(&signer).build();
        let (token, key) = (parse(&token), key(keys::Algorithm::Rs256));
        let question = fields(&question(&token, &key).unwrap());
        let text = token.signing_input.as_bytes();
        assert_eq!(question, [b"sha256", &key.spki[..], token.signature, text]);
    }

    #[test]
    fn ecdsa_signatures_become_der() {
        let signer = keys::cached(keys::Algorithm::Es384);
        let key = key(keys::Algorithm::Es384);
        let token = Token::of(Persona::Kim).signed_by(&signer).build();
        let mut token = parse(&token);
        let signature = [[0; 48], [0x80; 48]].concat();
        token.signature = &signature;
        let asked = fields(&question(&token, &key).unwrap());
        assert_eq!(asked[0], b"sha384");
        let expected = [&[0x30, 54, 2, 1, 0, 2, 49, 0][..], &[0x80; 48]].concat();
        assert_eq!(asked[2], expected);
        for length in [0, 1, 47, 48, 64, 95, 97, 192] {
            token.signature = &[1; 192][..length];
            assert_eq!(question(&token, &key), None, "{length}");
        }
    }

    #[test]
    fn each_curve_has_numbers_of_its_own_length() {
        for (algorithm, hash, length) in [
            (Algorithm::Es256, "sha256", 32),
            (Algorithm::Es384, "sha384", 48),
        ] {
            let signer = keys::Algorithm::ALL
                .into_iter()
                .find(|signer| signer.name() == algorithm.name());
            let key = key(signer.unwrap());
            let signature = [vec![1; length], vec![2; length]].concat();
            let asked = fields(&ask(algorithm, &key, &signature, b"text").unwrap());
            let number = |value: u8| [vec![2, length as u8], vec![value; length]].concat();
            let expected = [vec![0x30, 2 * length as u8 + 4], number(1), number(2)].concat();
            assert_eq!(asked, [hash.as_bytes(), &key.spki, &expected, b"text"]);
            for wrong in [64, 96].into_iter().filter(|wrong| *wrong != 2 * length) {
                assert_eq!(ask(algorithm, &key, &vec![1; wrong], b"text"), None);
            }
        }
    }

    #[test]
    fn asks_nothing_about_other_algorithms_and_keys() {
        let signer = keys::rsa();
        let token = Token::of(Persona::Ada).signed_by(&signer);
        let ps256 = token.clone().algorithm(keys::Algorithm::Ps256).build();
        let rsa = key(keys::Algorithm::Rs256);
        assert_eq!(question(&parse(&ps256), &rsa), None);
        let token = token.build();
        assert_eq!(question(&parse(&token), &key(keys::Algorithm::Es256)), None);
    }

    #[test]
    fn only_yes_is_a_yes() {
        assert!(is_yes(&[8, 1]));
        for answer in [
            [].as_slice(),
            &[8],
            &[8, 0],
            &[8, 2],
            &[8, 1, 0],
            &[1],
            b"true",
        ] {
            assert!(!is_yes(answer), "{answer:?}");
        }
    }
}
