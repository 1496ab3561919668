//! What tests ask of the host through the filter. Compiled with the feature `test-hooks` only, which
//! nothing that ships has: `make hooks` builds a filter of its own for the tests.

use super::abi;
use crate::request::Headers;
use crate::token::foreign;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proxy_wasm::types::Action;

/// Ends this worker's VM, as a panic would.
const TRAP: &str = "x-entragate-test-trap";
/// How many bytes this VM's linear memory has.
const MEMORY: &str = "x-entragate-test-memory";
/// A question of [`foreign::ask`] in base64url, put to the host as it is.
const ASK: &str = "x-entragate-test-ask";

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
    let question = URL_SAFE_NO_PAD.decode(headers.text(ASK)?).ok()?;
    let told = abi::call_foreign(foreign::FUNCTION, &question);
    answer(match told.as_deref().map(foreign::is_yes) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "refused",
    })
}

fn answer(text: &str) -> Option<Action> {
    let _ = abi::reply(200, &[], text.as_bytes(), "entragate.test", -1);
    Some(Action::Pause)
}
