//! The Wycheproof suites for the accepted algorithms in a common form, and the comparison with the documented exceptions.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::keys::algorithm::Algorithm;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A signature over a text by a key, and whether it is valid.
pub struct Vector {
    pub suite: &'static str,
    pub id: u64,
    pub algorithm: Algorithm,
    pub jwk: Value,
    pub text: Vec<u8>,
    pub signature: Vec<u8>,
    pub is_valid: bool,
    pub comment: String,
}

/// The name of a suite, and the algorithm of RFC 7518 with which its keys would be used.
const SUITES: [(&str, Algorithm); 19] = [
    ("rsa_signature_2048_sha256", Algorithm::Rs256),
    ("rsa_signature_3072_sha256", Algorithm::Rs256),
    ("rsa_signature_4096_sha256", Algorithm::Rs256),
    ("rsa_signature_2048_sha384", Algorithm::Rs384),
    ("rsa_signature_3072_sha384", Algorithm::Rs384),
    ("rsa_signature_4096_sha384", Algorithm::Rs384),
    ("rsa_signature_2048_sha512", Algorithm::Rs512),
    ("rsa_signature_3072_sha512", Algorithm::Rs512),
    ("rsa_signature_4096_sha512", Algorithm::Rs512),
    ("rsa_pss_2048_sha256_mgf1_32", Algorithm::Ps256),
    ("rsa_pss_3072_sha256_mgf1_32", Algorithm::Ps256),
    ("rsa_pss_4096_sha256_mgf1_32", Algorithm::Ps256),
    ("rsa_pss_2048_sha384_mgf1_48", Algorithm::Ps384),
    ("rsa_pss_4096_sha384_mgf1_48", Algorithm::Ps384),
    ("rsa_pss_4096_sha512_mgf1_64", Algorithm::Ps512),
    // RFC 7518 §3.5 requires a salt as long as the hash, so no vector with an empty salt may be valid.
    ("rsa_pss_2048_sha256_mgf1_0", Algorithm::Ps256),
    ("ecdsa_secp256r1_sha256_p1363", Algorithm::Es256),
    ("ecdsa_secp384r1_sha384_p1363", Algorithm::Es384),
    ("ed25519", Algorithm::EdDsa),
];

pub fn all() -> Vec<Vector> {
    SUITES
        .into_iter()
        .flat_map(|(suite, algorithm)| read(suite, algorithm))
        .collect()
}

fn read(suite: &'static str, algorithm: Algorithm) -> Vec<Vector> {
    let document: Value = serde_json::from_str(text_of(suite)).unwrap();
    let mut vectors = Vec::new();
    for group in document["testGroups"].as_array().unwrap() {
        let jwk = jwk(algorithm, &group["publicKey"]);
        for test in group["tests"].as_array().unwrap() {
            let valid = test["result"] == "valid" && !suite.ends_with("_mgf1_0");
            vectors.push(Vector {
                suite,
                id: test["tcId"].as_u64().unwrap(),
                algorithm,
                jwk: jwk.clone(),
                text: hex(&test["msg"]),
                signature: hex(&test["sig"]),
                // Results marked "acceptable" are optional; the filter rejects these signatures.
                is_valid: valid,
                comment: test["comment"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    vectors
}

fn text_of(suite: &str) -> &'static str {
    use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};
    match suite.split('_').next().unwrap() {
        "ecdsa" => suite.parse::<ecdsa::TestName>().unwrap().json_data(),
        "ed25519" => suite.parse::<eddsa::TestName>().unwrap().json_data(),
        _ if suite.starts_with("rsa_pss") => suite
            .parse::<rsa_pss_verify::TestName>()
            .unwrap()
            .json_data(),
        _ => suite
            .parse::<rsa_pkcs1_verify::TestName>()
            .unwrap()
            .json_data(),
    }
}

fn jwk(algorithm: Algorithm, key: &Value) -> Value {
    let encode = |bytes: &[u8]| BASE64URL.encode(bytes);
    let number = |name: &str| {
        let bytes = hex(&key[name]);
        encode(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..])
    };
    match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => {
            let point = hex(&key["uncompressed"]);
            let (x, y) = point[1..].split_at(point.len() / 2);
            let curve = if algorithm == Algorithm::Es256 {
                "P-256"
            } else {
                "P-384"
            };
            json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        }
        Algorithm::EdDsa => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&hex(&key["pk"]))}),
        _ => json!({"kty": "RSA", "n": number("modulus"), "e": number("publicExponent")}),
    }
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// Compares an implementation's results with the vectors. They must match except for the vectors in `exceptions.txt`, and must
/// differ for those. Prints the number of vectors.
pub fn compare(wanted: &str, answers: &[(&Vector, bool)]) {
    let mut exceptions = exceptions(wanted);
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (vector, accepted) in answers {
        let Vector {
            suite,
            id,
            is_valid,
            comment,
            ..
        } = vector;
        let excepted = exceptions.remove(&((*suite).to_owned(), *id));
        let count = counts.entry(suite).or_default();
        count[usize::from(!is_valid)] += 1;
        count[2] += usize::from(excepted);
        if (accepted != is_valid) != excepted {
            wrong.push(format!(
                "{wanted} {suite} {id}: accepted: {accepted}, excepted: {excepted} ({comment})"
            ));
        }
    }
    for (suite, [valid, invalid, excepted]) in &counts {
        println!(
            "{wanted:5} {suite:32} {valid:4} valid, {invalid:4} invalid, {excepted} exceptions"
        );
    }
    println!(
        "{wanted:5} {} vectors in {} suites",
        answers.len(),
        counts.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        exceptions.is_empty(),
        "exceptions.txt lists vectors that do not exist: {exceptions:?}"
    );
}

/// Parses lines of the form `implementation suite id[,id…]: reason`.
fn exceptions(wanted: &str) -> BTreeSet<(String, u64)> {
    let mut found = BTreeSet::new();
    for line in include_str!("exceptions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (head, reason) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("no reason: {line}"));
        assert!(reason.len() > 20, "the reason is too short: {line}");
        let [implementation, suite, ids] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("expected `implementation suite ids`, found: {line}")
        };
        if implementation == wanted {
            found.extend(
                ids.split(',')
                    .map(|id| (suite.to_owned(), id.parse().unwrap())),
            );
        }
    }
    found
}
