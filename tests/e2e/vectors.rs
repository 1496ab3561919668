//! Published test vectors against Envoy's own cryptography, reached as the filter reaches it: the
//! same question, the same foreign function, the same reading of its answer.

#[path = "../vectors/suites.rs"]
mod suites;

use super::gateway::Gateway;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use entragate::keys::jwk::Key;
use entragate::token::foreign;
use suites::Vector;
use testbed::envoy::hooks_path;
use testbed::reqwest::Method;

/// What the host is asked; `None` where the filter knows the answer without asking.
fn question(vector: &Vector) -> Option<Vec<u8>> {
    let key = Key::from_jwk(&vector.jwk).ok()?;
    foreign::ask(vector.algorithm, &key, &vector.signature, &vector.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn wycheproof_by_the_host() {
    let gateway = Gateway::with(|config| config.wasm(&hooks_path())).await;
    let vectors = suites::all();
    let by_host = vectors
        .iter()
        .filter(|vector| foreign::hash(vector.algorithm).is_some());
    let mut answers = Vec::new();
    for vector in by_host {
        let accepted = match question(vector) {
            None => false,
            Some(question) => {
                let request = gateway.request(Method::GET, "/");
                let request = request.header("x-entragate-test-ask", BASE64URL.encode(question));
                let answer = request.send().await.unwrap().text().await.unwrap();
                assert!(["yes", "no"].contains(&&*answer), "{answer}");
                answer == "yes"
            }
        };
        answers.push((vector, accepted));
    }
    suites::compare("host", &answers);
    assert!(gateway.hf.requests().is_empty());
}
