//! The configuration's fingerprint, for audit records.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Number of bytes of the hash in the fingerprint, two digits each.
const SHOWN: usize = 8;

/// The first 16 hexadecimal digits of the SHA-256 of the canonical configuration without the inline values of its
/// credentials.
pub(super) fn of(value: &Value) -> String {
    let mut public = value.clone();
    for credential in public
        .get_mut("credentials")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(credential) = credential.as_object_mut() {
            credential.remove("value");
        }
    }
    let hash = Sha256::digest(canonical(public));
    hash.iter()
        .take(SHOWN)
        .fold(String::new(), |mut digits, byte| {
            // Writing to a String cannot fail.
            let _ = write!(digits, "{byte:02x}");
            digits
        })
}

/// The canonical JSON of a configuration: members in alphabetical order, no white space.
pub(super) fn canonical(mut value: Value) -> String {
    // Another crate in the build may enable serde_json's `preserve_order`.
    value.sort_all_objects();
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn digest_depends_on_settings_and_not_on_secrets() {
        let digest = |value: &str, name: &str| {
            of(&json!({"credentials": [{"value": value, "name": name}], "usage": false}))
        };
        assert_eq!(digest("hf_a", "x"), digest("hf_b", "x"));
        assert_ne!(digest("hf_a", "x"), digest("hf_a", "y"));
        assert_eq!(of(&json!({})), "44136fa355b3678a", "SHA-256 of {{}}");
    }
}
