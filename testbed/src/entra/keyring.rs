//! The existing keys, the current signing key, and the published sets.

use serde_json::{Value, json};

use crate::{
    keys::{self, Algorithm, SigningKey},
    persona::{CONSUMER_TENANT, issuer_v2},
};

const PUBLIC_CLOUD: &str = "microsoftonline.com";
const US_GOV_CLOUD: &str = "microsoftonline.us";

/// Indexes in the process's pool of RSA keys. 0 is [`keys::rsa`], so that tokens minted in unit tests verify here;
/// 1 is [`keys::other_rsa`], which no issuer publishes.
const FIRST: usize = 0;
const US_GOV: usize = 2;
const CONSUMER: usize = 3;
const REALM: usize = 4;
const FIRST_ROTATED: usize = 5;

pub(super) struct Keyring {
    /// Published keys; the last one signs.
    published: Vec<SigningKey>,
    next: usize,
}

impl Keyring {
    pub(super) fn new() -> Keyring {
        Keyring {
            published: vec![keys::nth_rsa(FIRST)],
            next: FIRST_ROTATED,
        }
    }

    pub(super) fn current(&self) -> SigningKey {
        self.published[self.published.len() - 1].clone()
    }

    pub(super) fn published(&self) -> &[SigningKey] {
        &self.published
    }

    pub(super) fn us_gov(&self) -> SigningKey {
        keys::nth_rsa(US_GOV)
    }

    pub(super) fn consumer(&self) -> SigningKey {
        keys::nth_rsa(CONSUMER)
    }

    pub(super) fn realm_rsa(&self) -> SigningKey {
        keys::nth_rsa(REALM)
    }

    pub(super) fn rotate(&mut self) -> SigningKey {
        let key = keys::nth_rsa(self.next);
        self.next += 1;
        self.published.push(key.clone());
        key
    }

    pub(super) fn retire(&mut self) {
        self.published = vec![self.current()];
    }

    /// The v2 set. The set of a tenant contains its concrete issuer; the common set contains the template, the US Government
    /// cloud's keys (under the `.com` template, as Entra does) and the consumer tenant's.
    pub(super) fn v2_set(&self, tenant: &str) -> Value {
        let multi_tenant = matches!(tenant, "common" | "organizations");
        let issuer = issuer_v2(if multi_tenant { "{tenantid}" } else { tenant });
        let mut keys: Vec<Value> = self
            .published
            .iter()
            .map(|key| key.to_entra_jwk(PUBLIC_CLOUD, Some(&issuer)))
            .collect();
        if multi_tenant {
            keys.push(self.us_gov().to_entra_jwk(US_GOV_CLOUD, Some(&issuer)));
        }
        if tenant == "common" {
            let consumer = issuer_v2(CONSUMER_TENANT);
            keys.push(self.consumer().to_entra_jwk(PUBLIC_CLOUD, Some(&consumer)));
        }
        json!({"keys": keys})
    }

    /// The v1 set: the same keys, without `issuer`.
    pub(super) fn v1_set(&self) -> Value {
        let keys: Vec<Value> = self
            .published
            .iter()
            .map(|key| key.to_entra_jwk(PUBLIC_CLOUD, None))
            .collect();
        json!({"keys": keys})
    }

    /// The realm's set: generic form, several algorithms, and an encryption key that must be skipped.
    pub(super) fn realm_set(&self) -> Value {
        let mut encryption = keys::other_rsa().to_jwk();
        encryption["use"] = json!("enc");
        encryption["alg"] = json!("RSA-OAEP");
        json!({"keys": [
            self.realm_rsa().to_jwk(),
            keys::cached(Algorithm::Es256).to_jwk(),
            keys::cached(Algorithm::EdDsa).to_jwk(),
            encryption,
        ]})
    }
}
