//! The keys that authenticate data between VMs. The key for shared state depends on the whole configuration and the
//! environment variables that it read. Records to export and MCP sessions must survive a change of the rules, so their
//! keys depend only on the settings of the export service and on the secrets.

use super::digest;
use crate::sharing::mac::Mac;
use serde_json::{Value, json};
use std::cell::RefCell;
use zeroize::Zeroizing;

pub(super) struct MacKeys {
    whole: Zeroizing<Vec<u8>>,
    /// The settings of the export service, and the secrets in the configuration.
    export: Zeroizing<Vec<u8>>,
    /// The directories that are queried, and the secrets in the configuration.
    directories: Zeroizing<Vec<u8>>,
    /// The secrets in the configuration.
    sessions: Zeroizing<Vec<u8>>,
    read: RefCell<Vec<Zeroizing<Vec<u8>>>>,
}

impl MacKeys {
    pub fn over(value: &Value) -> Self {
        let text = |value: Value| Zeroizing::new(digest::canonical(value).into_bytes());
        let export = value.get("audit").and_then(|audit| audit.get("export"));
        let export = json!([export, value.get("credentials")]);
        let directories = json!([directories(value), value.get("credentials")]);
        let sessions = json!(["mcp sessions", value.get("credentials")]);
        Self {
            whole: text(value.clone()),
            export: text(export),
            directories: text(directories),
            sessions: text(sessions),
            read: RefCell::default(),
        }
    }

    /// Adds a variable that was read, with its value.
    pub fn note(&self, name: &str, value: Option<String>) -> Option<String> {
        let part = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let read = [part(name), part(value.as_deref().unwrap_or_default())];
        self.read.borrow_mut().extend(read);
        value
    }

    /// The key for data that VMs with this configuration share.
    pub fn shared_mac(&self) -> Mac {
        self.over_secrets(&self.whole)
    }

    /// The key for records to the export service, independent of other settings.
    pub fn export_mac(&self) -> Mac {
        self.over_secrets(&self.export)
    }

    /// The key for lists of revocations, independent of other settings: a worker with changed rules continues with the
    /// existing lists.
    pub fn directory_mac(&self) -> Mac {
        self.over_secrets(&self.directories)
    }

    /// The key for the ids of MCP sessions, independent of all settings but credentials: sessions continue after a change
    /// of the rules, and at every gateway that has the same secrets.
    pub fn session_mac(&self) -> Mac {
        self.over_secrets(&self.sessions)
    }

    fn over_secrets(&self, part: &[u8]) -> Mac {
        let read = self.read.borrow();
        let read = read.iter().map(|part| part.as_slice());
        Mac::of([part].into_iter().chain(read))
    }
}

/// The settings that determine what a directory's lists contain: where they are fetched, the issuers' tenants, and how
/// long a token can be valid, since deletions are forgotten after that time.
fn directories(value: &Value) -> Value {
    const OTHERS: [&str; 4] = ["refresh", "max_stale", "timeout", "on_stale"];
    let mut graphs = value
        .get("revocation")
        .and_then(|all| all.get("graph"))
        .cloned();
    let entries = match &mut graphs {
        Some(Value::Array(several)) => several.iter_mut().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    for graph in entries.into_iter().filter_map(Value::as_object_mut) {
        graph.retain(|name, _| !OTHERS.contains(&name.as_str()));
    }
    let issuers = value.get("issuers").and_then(Value::as_array);
    let tenant = |issuer: &Value| json!([issuer.get("name"), issuer.get("entra")]);
    let issuers: Vec<Value> = issuers.into_iter().flatten().map(tenant).collect();
    let token = |name: &str| value.get("token").and_then(|token| token.get(name));
    let life = [token("max_lifetime"), token("clock_skew")];
    json!([graphs, issuers, life])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_depends_on_every_setting_and_secret() {
        let name = |value: &Value, secret: Option<&str>| {
            let keys = MacKeys::over(value);
            keys.note("HF_TOKEN", secret.map(str::to_owned));
            keys.shared_mac().name("keys/0/head")
        };
        let (one, two) = (json!({"a": 1, "b": "x"}), json!({"a": 1, "b": "y"}));
        let same = serde_json::from_str(r#"{"b": "x", "a": 1}"#).unwrap();
        assert_eq!(name(&one, Some("hf_a")), name(&same, Some("hf_a")));
        assert_ne!(name(&one, Some("hf_a")), name(&two, Some("hf_a")));
        assert_ne!(name(&one, Some("hf_a")), name(&one, Some("hf_b")));
        assert_ne!(name(&one, Some("hf_a")), name(&one, None));
    }

    #[test]
    fn export_key_depends_on_secrets_and_not_on_rules() {
        let name = |rule: &str, uri: &str, inline: &str, secret: &str| {
            let keys = MacKeys::over(&json!({"rules": [rule], "audit": {"export": {"uri": uri}},
                "credentials": [{"value": inline}]}));
            keys.note("HF_TOKEN", Some(secret.to_owned()));
            keys.export_mac().name("mailbox/0")
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

    #[test]
    fn session_key_depends_on_credentials_and_secrets_only() {
        let name = |rule: &str, inline: &str, secret: &str| {
            let keys = MacKeys::over(&json!({"rules": [rule], "audit": {"export": {"uri": rule}},
                "issuers": [rule], "credentials": [{"value": inline}]}));
            keys.note("HF_TOKEN", Some(secret.to_owned()));
            keys.session_mac().name("session")
        };
        let one = name("a", "hf_a", "hf_b");
        assert_eq!(name("b", "hf_a", "hf_b"), one);
        assert_ne!(name("a", "hf_x", "hf_b"), one);
        assert_ne!(name("a", "hf_a", "hf_x"), one);
    }

    #[test]
    fn directory_key_depends_on_the_directory_and_not_on_rules_or_intervals() {
        let name = |rule: &str, refresh: &str, host: &str, tenant: &str, secret: &str| {
            let graph = json!({"host": host, "refresh": refresh});
            let settings = |graph: Value| {
                json!({"rules": [rule], "revocation": {"graph": graph},
                    "issuers": [{"name": "contoso", "audiences": [rule], "entra": {"tenants": [tenant]}}]})
            };
            let names = [settings(graph.clone()), settings(json!([graph]))].map(|settings| {
                let keys = MacKeys::over(&settings);
                keys.note("SECRET", Some(secret.to_owned()));
                keys.directory_mac().name("users")
            });
            names.join(" ")
        };
        // Deletions are remembered for as long as an earlier token can be valid.
        let with_life = |field: &str| {
            let settings = json!({"token": {field: "1h", "max_bytes": 1}});
            MacKeys::over(&settings).directory_mac().name("users")
        };
        assert_ne!(with_life("max_lifetime"), with_life("types"));
        assert_ne!(with_life("clock_skew"), with_life("types"));
        assert_eq!(with_life("headers"), with_life("types"));
        let one = name("a", "1s", "h", "t", "s");
        assert_eq!(name("b", "2s", "h", "t", "s"), one);
        for other in [
            name("a", "1s", "x", "t", "s"),
            name("a", "1s", "h", "x", "s"),
            name("a", "1s", "h", "t", "x"),
        ] {
            assert_ne!(other, one);
        }
    }
}
