//! Attacks on the gate, by clause: RFC 8725 (JWT best current practices), and known failures of similar gateways. [`catalogue`]
//! lists the test for each clause, including tests in other files. Attacks that depend on Envoy's own parsing are in
//! `tests/e2e/smuggling.rs`.

mod catalogue;
mod claims;
mod encoding;
mod key_reference;
mod keys;
mod peers;
mod signature;
mod splitting;
use crate::support;

use serde_json::Value;
use support::{Bench, settings};

/// Returns the code with which a gate with keys and the default settings decides on this token.
fn code(token: &str) -> String {
    Bench::warm(&settings()).code(token)
}

/// A JSON object in base64url, as a segment of a token.
fn segment(value: &Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(value.to_string())
}
