//! Where an issuer's keys come from: the compiled form of `jwks`.

use super::keyset::KeySet;
use crate::fetch::callout::Target;
use crate::fetch::refresh::Schedule;

#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWKS document.
    Uri { target: Target, schedule: Schedule },
    /// An OpenID Connect discovery document that names the JWKS.
    Discovery {
        target: Target,
        /// What the document's `issuer` must be; Entra's may hold `{tenantid}`.
        issuer: String,
        /// Cluster of `jwks_uri`.
        keys_cluster: String,
        schedule: Schedule,
    },
    /// Written into the configuration; never fetched.
    Inline(KeySet),
}
