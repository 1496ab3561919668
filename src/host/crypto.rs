//! The host's own cryptography: asked for what it is known to do right, and never instead of a no.

use super::abi;
use super::kind::{Kind, kind};
use crate::config::Crypto;
use crate::keys::jwk::Key;
use crate::token::host_verify;
use crate::token::jws::Unverified;
use crate::token::signature::{CheckedBy, Portable, SignatureCheck};
use crate::token::startup_check;
use log::Level;

/// Who checks signatures for a plugin.
#[derive(Clone, Copy, Debug, Default)]
pub enum Signatures {
    /// The host what it can, the filter the rest.
    Host,
    #[default]
    Wasm,
}

/// The algorithm alone picks the way: a no of the host's is final.
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

/// Settles it once, when the plugin is configured, and logs what it came to. `None`: not as asked.
pub fn choose(asked: Crypto) -> Option<Signatures> {
    let lack = match asked {
        Crypto::Wasm => None,
        Crypto::Auto | Crypto::Host => Some(what_the_host_lacks()),
    };
    match (asked, lack) {
        (_, Some(Ok(()))) => {
            abi::log(Level::Info, "signatures are checked by the host");
            Some(Signatures::Host)
        }
        (Crypto::Host, Some(Err(lack))) => {
            let text = format!(
                "configuration refused: crypto: signatures can't be checked by the host: {lack}; \
                 write auto or wasm"
            );
            abi::log(Level::Error, &text);
            None
        }
        (_, Some(Err(lack))) => {
            let text = format!("signatures are checked in the filter, not by the host: {lack}");
            abi::log(Level::Info, &text);
            Some(Signatures::Wasm)
        }
        (_, None) => Some(Signatures::Wasm),
    }
}

fn what_the_host_lacks() -> Result<(), &'static str> {
    if !is_envoy() {
        return Err("it is not Envoy");
    }
    match startup_check::passes(&Signatures::Host) {
        true => Ok(()),
        false => Err("its verify_signature is missing (before Envoy 1.30) or failed its test"),
    }
}

/// Other hosts abort when asked for a function they lack, so they must not be asked at all. Only
/// Envoy answers this property, with an empty text where its node has no id. ngx_wasm_module is not
/// asked: it logs an error for each property that is read outside a request.
fn is_envoy() -> bool {
    kind() == Kind::Envoy && abi::property(&["xds", "node", "id"]).is_some()
}
