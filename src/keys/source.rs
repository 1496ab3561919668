//! The source of an issuer's keys: the compiled form of `jwks`.

use super::keyset::KeySet;
use crate::fetch::callout::Target;
use crate::fetch::refresh::Schedule;

/// The source of an issuer's keys.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWKS document.
    Uri { target: Target, schedule: Schedule },
    /// An OpenID Connect discovery document that names the JWKS.
    Discovery {
        target: Target,
        /// The required `issuer` of the document. Entra's issuer may contain `{tenantid}`.
        issuer: String,
        /// The cluster for `jwks_uri`.
        keys_cluster: String,
        schedule: Schedule,
    },
    /// Keys in the configuration; never fetched.
    Inline(KeySet),
}
