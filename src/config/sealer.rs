//! The configuration's keys for what its VMs share: of all that stands in it, and all that it has read
//! from the environment. What is on its way to another service outlives a change of the rules, so its
//! key is of that service's settings only, and the secrets.

use super::digest;
use crate::sharing::mac::Mac;
use serde_json::{Value, json};
use std::cell::RefCell;
use zeroize::Zeroizing;

pub(super) struct MacKeys {
    whole: Zeroizing<Vec<u8>>,
    /// The service that records are exported to, and what is secret in the configuration itself.
    export: Zeroizing<Vec<u8>>,
    read: RefCell<Vec<Zeroizing<Vec<u8>>>>,
}

impl MacKeys {
    pub fn over(value: &Value) -> Self {
        let text = |value: Value| Zeroizing::new(digest::canonical(value).into_bytes());
        let export = value.get("audit").and_then(|audit| audit.get("export"));
        let export = json!([export, value.get("credentials")]);
        Self {
            whole: text(value.clone()),
            export: text(export),
            read: RefCell::default(),
        }
    }

    /// A variable that was read counts with its value.
    pub fn note(&self, name: &str, value: Option<String>) -> Option<String> {
        let part = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let read = [part(name), part(value.as_deref().unwrap_or_default())];
        self.read.borrow_mut().extend(read);
        value
    }

    /// For what VMs of this very configuration share.
    pub fn seal(&self) -> Mac {
        self.over_secrets(&self.whole)
    }

    /// For records on their way to that service, whatever else is configured.
    pub fn export_seal(&self) -> Mac {
        self.over_secrets(&self.export)
    }

    fn over_secrets(&self, part: &[u8]) -> Mac {
        let read = self.read.borrow();
        let read = read.iter().map(|part| part.as_slice());
        Mac::of([part].into_iter().chain(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_and_every_secret_counts() {
        let name = |value: &Value, secret: Option<&str>| {
            let sealer = MacKeys::over(value);
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

    #[test]
    fn records_on_their_way_outlive_a_change_of_rules_but_of_no_secret() {
        let name = |rule: &str, uri: &str, inline: &str, secret: &str| {
            let sealer = MacKeys::over(&json!({"rules": [rule], "audit": {"export": {"uri": uri}},
                "credentials": [{"value": inline}]}));
            sealer.note("HF_TOKEN", Some(secret.to_owned()));
            sealer.export_seal().name("mailbox/0")
        };
        let one = name("a", "https://a", "hf_a", "hf_b");
        assert_eq!(name("b", "https://a", "hf_a", "hf_b"), one);
        for other in [
            name("a", "https://b", "hf_a", "hf_b"),
            name("a", "https://a", "hf_x", "hf_b"),
            name("a", "https://a", "hf_a", "hf_x"),
        ] {
            assert_ne!(other, one);
        }
    }
}
