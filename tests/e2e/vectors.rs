//! Published test vectors in a real Envoy: against its own cryptography, called as the filter calls it (with the same message,
//! foreign function and parsing of the result), and against the filter's RSA compiled for wasm, whose limbs differ from those
//! in native tests.

#[path = "../it/vectors/suites.rs"]
mod suites;

use super::gateway::Gateway;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::keys::jwk::Key;
use entragate::token::host_verify;
use suites::Vector;
use testbed::envoy::hooks_path;
use testbed::reqwest::Method;

/// Returns the message to the host, or `None` if the filter decides without the host.
fn message(vector: &Vector) -> Option<Vec<u8>> {
    let key = Key::from_jwk(&vector.jwk).ok()?;
    host_verify::arguments_for_text(vector.algorithm, &key, &vector.signature, &vector.text)
}

/// Sends the message in this header to the filter with test hooks. Returns its answer.
async fn verify_by_hook(gateway: &Gateway, header: &str, message: String) -> bool {
    let request = gateway.request(Method::GET, "/").header(header, message);
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
        let accepted = match message(vector) {
            None => false,
            Some(message) => {
                let message = BASE64URL.encode(message);
                verify_by_hook(&gateway, "x-entragate-test-ask", message).await
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
        let message = parts.map(|part| BASE64URL.encode(part)).join(".");
        let accepted = verify_by_hook(&gateway, "x-entragate-test-verify", message).await;
        answers.push((vector, accepted));
    }
    suites::compare("wasm", &answers);
    assert!(gateway.hf.requests().is_empty());
}
