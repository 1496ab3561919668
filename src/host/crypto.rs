//! Signature verification by the host. It is used only if the host passed the startup check, and a negative result is
//! final.

use super::abi;
use super::kind::{Kind, kind};
use crate::config::Crypto;
use crate::keys::jwk::Key;
use crate::token::host_verify;
use crate::token::jws::Unverified;
use crate::token::signature::{CheckedBy, Portable, SignatureCheck};
use crate::token::startup_check;
use log::Level;

/// How a plugin verifies signatures.
#[derive(Clone, Copy, Debug, Default)]
pub enum Signatures {
    /// By the host if it supports the algorithm, otherwise in the filter.
    Host,
    #[default]
    Wasm,
}

/// The algorithm alone determines how a signature is verified. If the host rejects a signature, the filter does not
/// check it again.
impl SignatureCheck for Signatures {
    fn check(&self, token: &Unverified<'_>, key: &Key) -> Option<CheckedBy> {
        match (self, host_verify::hash(token.algorithm)) {
            (Self::Host, Some(_)) => {
                let question = host_verify::arguments(token, key)?;
                let answer = abi::call_foreign(host_verify::FUNCTION, &question)?;
                host_verify::is_valid(&answer).then_some(CheckedBy::Host)
            }
            (Self::Host, None) | (Self::Wasm, _) => Portable.check(token, key),
        }
    }
}

/// Chooses how signatures are verified when the plugin is configured, and logs the choice. `None`: the configuration
/// requires verification by the host, but the host can't verify signatures.
pub fn choose(configured: Crypto) -> Option<Signatures> {
    let support = match configured {
        Crypto::Wasm => None,
        Crypto::Auto | Crypto::Host => Some(host_support()),
    };
    match (configured, support) {
        (_, Some(Ok(()))) => {
            abi::log(Level::Info, "signatures are verified by the host");
            Some(Signatures::Host)
        }
        (Crypto::Host, Some(Err(reason))) => {
            let text = format!(
                "configuration refused: crypto: the host can't verify signatures: {reason}; set auto \
                 or wasm"
            );
            abi::log(Level::Error, &text);
            None
        }
        (_, Some(Err(reason))) => {
            let text = format!("signatures are verified in the filter, not by the host: {reason}");
            abi::log(Level::Info, &text);
            Some(Signatures::Wasm)
        }
        (_, None) => Some(Signatures::Wasm),
    }
}

/// Checks whether the host can verify signatures; the error is the reason why not.
fn host_support() -> Result<(), &'static str> {
    if !is_envoy() {
        return Err("the host is not Envoy");
    }
    if startup_check::passes(&Signatures::Host) {
        Ok(())
    } else {
        Err("verify_signature is missing (before Envoy 1.30) or failed the startup check")
    }
}

/// Whether the host is Envoy. Other hosts abort the VM on an unknown foreign function, so it must not be
/// tried there. Only Envoy has this property, with an empty value if its node has no id. It is not read
/// on ngx_wasm_module, which logs an error for each property that is read outside a request.
fn is_envoy() -> bool {
    kind() == Kind::Envoy && abi::property("xds\0node\0id").is_some()
}
