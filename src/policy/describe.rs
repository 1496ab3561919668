//! Requirements in words, for a caller that does not satisfy them.

use super::rule::{ClaimTest, Requirement};

/// Describes a requirement, as in `role 'Model.Query' or group '…'`.
pub fn describe(requirement: &Requirement) -> String {
    let named = |kind: &str, name: &str| [kind, " '", name, "'"].concat();
    match requirement {
        Requirement::Role(role) => named("role", role),
        Requirement::Group(group) => named("group", group),
        Requirement::Scope(scope) => named("scope", scope),
        Requirement::DirectoryRole(role) => named("directory role", role),
        Requirement::Client(client) => named("client", client),
        Requirement::Object(object) => named("object id", object),
        Requirement::Tenant(tenant) => named("tenant", tenant),
        Requirement::Issuer(issuer) => named("issuer", issuer),
        Requirement::Kind(kind) => named("a caller of kind", kind.name()),
        Requirement::ManagedIdentity(identity) => named("managed identity", identity),
        Requirement::Mfa => "multifactor authentication".to_owned(),
        Requirement::AuthContext(context) => format!("authentication context '{context}'"),
        Requirement::Source(ranges) => {
            let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
            format!("a client address in {}", ranges.join(", "))
        }
        Requirement::Time(window) => format!("the time {window}"),
        Requirement::Peer(pattern) => {
            format!("a client certificate with URI '{}'", pattern.as_str())
        }
        Requirement::Claim { path, test } => {
            let name = path.as_str();
            match test {
                ClaimTest::Equals(value) => format!("claim '{name}' equal to {value}"),
                ClaimTest::OneOf(values) => {
                    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                    format!("claim '{name}' equal to one of {}", values.join(", "))
                }
                ClaimTest::Contains(value) => format!("claim '{name}' containing {value}"),
                ClaimTest::Present(true) => format!("claim '{name}'"),
                ClaimTest::Present(false) => format!("no claim '{name}'"),
            }
        }
        Requirement::All(parts) => join(parts, " and "),
        Requirement::Any(parts) => join(parts, " or "),
        Requirement::Not(part) => format!("not ({})", describe(part)),
    }
}

fn join(parts: &[Requirement], word: &str) -> String {
    let nested = |part: &Requirement| match part {
        Requirement::All(parts) | Requirement::Any(parts) if parts.len() > 1 => {
            format!("({})", describe(part))
        }
        _ => describe(part),
    };
    parts.iter().map(nested).collect::<Vec<_>>().join(word)
}
