//! What rules ask of a token beyond its usual claims.

use super::evaluate::{CONTEXTS, METHODS};
use super::rule::{Policy, Requirement};

impl Policy {
    /// The claims that rules read, in force or shadow, by name.
    pub fn claims(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for rule in &self.rules {
            rule.require.add_claims(&mut names);
        }
        names
    }
}

impl Requirement {
    fn add_claims<'r>(&'r self, names: &mut Vec<&'r str>) {
        match self {
            Self::Mfa => names.push(METHODS),
            Self::AuthContext(_) => names.push(CONTEXTS),
            Self::Claim { path, .. } => names.extend(path.first()),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.add_claims(names));
            }
            Self::Not(part) => part.add_claims(names),
            Self::Role(_)
            | Self::Group(_)
            | Self::Scope(_)
            | Self::DirectoryRole(_)
            | Self::Client(_)
            | Self::Object(_)
            | Self::Tenant(_)
            | Self::Issuer(_)
            | Self::Kind(_)
            | Self::ManagedIdentity(_)
            | Self::Source(_)
            | Self::Time(_)
            | Self::Peer(_) => {}
        }
    }
}
