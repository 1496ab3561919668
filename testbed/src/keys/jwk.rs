//! Public keys as JSON Web Keys (RFC 7517), in the form of a generic provider and in Entra's.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::{
    SigningKey,
    secret::{Public, Secret},
};

impl SigningKey {
    /// As a generic OIDC provider publishes it: with `use` and `alg`.
    pub fn to_jwk(&self) -> Value {
        let mut jwk = public_members(&self.shared.secret);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.shared.algorithm.name());
        jwk["kid"] = json!(self.shared.kid);
        jwk
    }

    /// As Entra publishes it: no `alg`, `kid` = `x5t`, the certificate in `x5c`, the cloud, and (v2 sets only)
    /// the issuer, which is a concrete tenant's or the `{tenantid}` template.
    ///
    /// # Panics
    /// For a key that is not RSA: Entra has no others.
    pub fn to_entra_jwk(&self, cloud_instance_name: &str, issuer: Option<&str>) -> Value {
        let certificate = self
            .shared
            .certificate
            .as_deref()
            .expect("only RSA keys have Entra's form");
        let mut jwk = public_members(&self.shared.secret);
        jwk["use"] = json!("sig");
        jwk["kid"] = json!(self.shared.kid);
        jwk["x5t"] = json!(self.shared.kid);
        jwk["x5c"] = json!([BASE64_STANDARD.encode(certificate)]);
        jwk["cloud_instance_name"] = json!(cloud_instance_name);
        if let Some(issuer) = issuer {
            jwk["issuer"] = json!(issuer);
        }
        jwk
    }
}

/// SHA-1 of the certificate, or of the public members where there is none: 20 bytes, 27 characters.
pub(super) fn kid(secret: &Secret, certificate: Option<&[u8]>) -> String {
    let digest = match certificate {
        Some(der) => Sha1::digest(der),
        None => Sha1::digest(public_members(secret).to_string()),
    };
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}

fn public_members(secret: &Secret) -> Value {
    let b64 = |bytes: Vec<u8>| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    match secret.public() {
        Public::Rsa { n, e } => json!({"kty": "RSA", "n": b64(n), "e": b64(e)}),
        Public::Ec { crv, x, y } => json!({"kty": "EC", "crv": crv, "x": b64(x), "y": b64(y)}),
        Public::Okp { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(x)}),
    }
}

#[cfg(test)]
mod tests {
    use crate::keys;

    #[test]
    fn entra_keys_have_entra_members_and_no_alg() {
        let jwk = keys::rsa().to_entra_jwk("microsoftonline.com", Some("https://i"));
        let mut members: Vec<_> = jwk.as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(
            members,
            [
                "cloud_instance_name",
                "e",
                "issuer",
                "kid",
                "kty",
                "n",
                "use",
                "x5c",
                "x5t"
            ]
        );
        assert_eq!(jwk["e"], "AQAB");
        assert_eq!(jwk["kid"], jwk["x5t"]);
    }
}
