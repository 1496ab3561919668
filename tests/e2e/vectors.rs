//! Published test vectors in a real Envoy: against its own cryptography, called as the filter calls it (the same message,
//! foreign function and parsing of the result), and against the filter's RSA compiled for wasm, whose limbs differ from those in
//! native tests.

#[path = "../it/vectors/suites.rs"]
mod suites;

use super::gateway::Gateway;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::keys::jwk::Key;
use entragate::token::host_verify;
use suites::Vector;
use testbed::envoy::hooks_path;
use testbed::reqwest::Method;

/// The message to the host; `None` if the filter decides without it.
fn question(vector: &Vector) -> Option<Vec<u8>> {
    let key = Key::from_jwk(&vector.jwk).ok()?;
    host_verify::arguments_for_text(vector.algorithm, &key, &vector.signature, &vector.text)
}

/// The response of the filter with test hooks to the message in this header.
async fn ask(gateway: &Gateway, header: &str, question: String) -> bool {
    let request = gateway.request(Method::GET, "/").header(header, question);
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert!(["yes", "no"].contains(&&*answer), "{answer}");
    answer == "yes"
}

#[tokio::test(flavor = "multi_thread")]
async fn wycheproof_vectors_have_the_expected_results_in_the_host() {
    let gateway = Gateway::with(|config| config.wasm(&hooks_path())).await;
    let vectors = suites::all();
    let by_host = vectors
        .iter()
        .filter(|vector| host_verify::hash(vector.algorithm).is_some());
    let mut answers = Vec::new();
    for vector in by_host {
        let accepted = match question(vector) {
            None => false,
            Some(question) => {
                let question = BASE64URL.encode(question);
                ask(&gateway, "x-entragate-test-ask", question).await
            }
        };
        answers.push((vector, accepted));
    }
    suites::compare("host", &answers);
    assert!(gateway.hf.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wycheproof_rsa_vectors_have_the_expected_results_in_wasm() {
    let gateway = Gateway::with(|config| config.wasm(&hooks_path())).await;
    let vectors = suites::all();
    let rsa = vectors.iter().filter(|vector| vector.jwk["kty"] == "RSA");
    let mut answers = Vec::new();
    for vector in rsa {
        let jwk = vector.jwk.to_string();
        let parts = [
            vector.algorithm.name().as_bytes(),
            jwk.as_bytes(),
            &vector.text,
            &vector.signature,
        ];
        let question = parts.map(|part| BASE64URL.encode(part)).join(".");
        let accepted = ask(&gateway, "x-entragate-test-verify", question).await;
        answers.push((vector, accepted));
    }
    suites::compare("wasm", &answers);
    assert!(gateway.hf.requests().is_empty());
}
