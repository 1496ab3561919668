//! What tests ask of the host through the filter. Compiled with the feature `test-hooks` only, which
//! nothing that ships has: `make hooks` builds a filter of its own for the tests.

use super::abi;
use crate::http::headers::Headers;
use crate::json;
use crate::keys::algorithm::Algorithm;
use crate::keys::jwk::{Key, Material};
use crate::token::{host_verify, rsa};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proxy_wasm::types::Action;
use serde_json::Value;

/// Ends this worker's VM, as a panic would.
const TRAP: &str = "x-entragate-test-trap";
/// How many bytes this VM's linear memory has.
const MEMORY: &str = "x-entragate-test-memory";
/// A question of [`host_verify::arguments_for_text`] in base64url, put to the host as it is.
const ASK: &str = "x-entragate-test-ask";

/// An RSA signature for the filter itself: algorithm, JWK, text and signature, each in base64url,
/// separated by dots.
const VERIFY: &str = "x-entragate-test-verify";

/// Meets a request that is for the tests; `None` for all others.
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
    let told = abi::call_foreign(host_verify::FUNCTION, &question);
    answer(match told.as_deref().map(host_verify::is_valid) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "refused",
    })
}

/// What the filter says of a vector; `None` if the vector cannot be read.
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
