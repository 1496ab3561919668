//! The configuration's key for what its VMs share: of all that stands in it, and all that it has read
//! from the environment.

use super::digest;
use crate::sharing::seal::Seal;
use serde_json::Value;
use std::cell::RefCell;
use zeroize::Zeroizing;

pub(super) struct Sealer {
    parts: RefCell<Vec<Zeroizing<Vec<u8>>>>,
}

impl Sealer {
    pub fn over(value: &Value) -> Self {
        let text = Zeroizing::new(digest::canonical(value.clone()).into_bytes());
        Self {
            parts: RefCell::new(vec![text]),
        }
    }

    /// A variable that was read counts with its value.
    pub fn note(&self, name: &str, value: Option<String>) -> Option<String> {
        let part = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let read = [part(name), part(value.as_deref().unwrap_or_default())];
        self.parts.borrow_mut().extend(read);
        value
    }

    pub fn seal(&self) -> Seal {
        let parts = self.parts.borrow();
        Seal::of(parts.iter().map(|part| part.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_setting_and_every_secret_counts() {
        let name = |value: &Value, secret: Option<&str>| {
            let sealer = Sealer::over(value);
            sealer.note("HF_TOKEN", secret.map(str::to_owned));
            sealer.seal().name("keys/0/head")
        };
        let (one, two) = (json!({"a": 1, "b": "x"}), json!({"a": 1, "b": "y"}));
        let same = serde_json::from_str(r#"{"b": "x", "a": 1}"#).unwrap();
        assert_eq!(name(&one, Some("hf_a")), name(&same, Some("hf_a")));
        assert_ne!(name(&one, Some("hf_a")), name(&two, Some("hf_a")));
        assert_ne!(name(&one, Some("hf_a")), name(&one, Some("hf_b")));
        assert_ne!(name(&one, Some("hf_a")), name(&one, None));
    }
}
