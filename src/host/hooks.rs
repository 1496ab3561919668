//! Test hooks, with which tests use the host through the filter. Compiled only with the feature
//! `test-hooks`, which no shipped filter has; `make hooks` builds a separate filter for the tests.

use super::abi;
use crate::http::headers::Headers;
use crate::json;
use crate::keys::algorithm::Algorithm;
use crate::keys::jwk::{Key, Material};
use crate::token::{host_verify, rsa};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proxy_wasm::types::Action;
use serde_json::Value;

/// Ends the VM of this worker, as a panic would.
const TRAP: &str = "x-entragate-test-trap";
/// Returns the size of this VM's linear memory in bytes.
const MEMORY: &str = "x-entragate-test-memory";
/// Passes a base64url-encoded argument of `verify_signature` ([`host_verify::arguments_for_text`]) to the host.
const ASK: &str = "x-entragate-test-ask";

/// Verifies an RSA signature in the filter: algorithm, JWK, text and signature, each in base64url, separated
/// by dots.
const VERIFY: &str = "x-entragate-test-verify";

/// Handles a request of a test; returns `None` for all other requests.
pub fn meet(headers: &Headers) -> Option<Action> {
    if headers.has(TRAP) {
        std::process::abort();
    }
    if headers.has(MEMORY) {
        const PAGE: usize = 64 * 1024;
        let bytes = core::arch::wasm32::memory_size(0) * PAGE;
        return answer(&bytes.to_string());
    }
    if let Some(question) = headers.text(VERIFY) {
        return answer(match verify(question) {
            Some(true) => "yes",
            Some(false) => "no",
            None => "refused",
        });
    }
    let question = URL_SAFE_NO_PAD.decode(headers.text(ASK)?).ok()?;
    let reply = abi::call_foreign(host_verify::FUNCTION, &question);
    answer(match reply.as_deref().map(host_verify::is_valid) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "refused",
    })
}

/// Returns the filter's verdict on a vector; `None` if the vector can't be read.
fn verify(question: &str) -> Option<bool> {
    let mut parts = question.split('.').map(|part| URL_SAFE_NO_PAD.decode(part));
    let mut next = || parts.next()?.ok();
    let (name, jwk, text, signature) = (next()?, next()?, next()?, next()?);
    let algorithm = Algorithm::from_name(str::from_utf8(&name).ok()?)?;
    let jwk = json::parse_object(&jwk).ok()?;
    match Key::from_jwk(&Value::Object(jwk)) {
        Ok(Key {
            material: Material::Rsa(key),
            ..
        }) => Some(rsa::verify(algorithm, &key, &text, &signature)),
        Ok(_) => None,
        Err(_) => Some(false),
    }
}

fn answer(text: &str) -> Option<Action> {
    let _ = abi::reply(200, &[], text.as_bytes(), "entragate.test", -1);
    Some(Action::Pause)
}
