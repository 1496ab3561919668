//! Prepares a configuration for decisions without a network: it replaces the data that the filter would fetch.

use entragate::config::{AuditLog, Config};
use entragate::credential::Source;
use entragate::secret::Secret;
use entragate::service_auth::auth::Auth;

/// Replaces fetched credentials with placeholders, removes lists of revocations and writes every audit record.
pub fn prepare(config: &mut Config) {
    // The decision is read from the audit record.
    config.audit.log = AuditLog::All;
    config.revocation = Default::default();
    for credential in &mut config.credentials {
        // The result names the credential and never shows its value, so a placeholder replaces the fetched value.
        if let Source::Polled(_) = credential.source {
            credential.source = Source::Fixed(Secret::new("unset".to_owned()));
        }
    }
}

/// Lets lookups of groups in Microsoft Graph begin without a service token. `answer::of` answers them.
pub fn answer_graph(config: &mut Config) {
    for directory in config.directories.iter_mut().flatten() {
        directory.auth = Auth::Fixed(Secret::new("unset".to_owned()));
    }
}
