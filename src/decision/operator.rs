//! The details of a denial that go into the audit record only.

use super::{CredentialUnavailable, Denial, GroupsUnavailable, HeldLimit, KeysUnavailable};
use crate::text::excerpt;

impl Denial {
    /// Returns the details that the audit record adds to the public text, if there are any.
    pub fn operator_detail(&self) -> Option<String> {
        match self {
            Self::KeysUnavailable { issuer, reason } => {
                let reason = match reason {
                    KeysUnavailable::NeverFetched => "no keys have been fetched yet",
                    KeysUnavailable::Stale => "the last valid keys are older than max_stale",
                    KeysUnavailable::TooManyWaiting => "wait.requests requests are already waiting",
                };
                Some(format!("issuer {issuer}: {reason}"))
            }
            Self::TokenMissing { unread } => unread.map(|header| {
                format!(
                    "the request has no token in token.headers, but a header {header}; add {{name: {header}}} \
                     to token.headers to accept tokens in it"
                )
            }),
            Self::AudienceMismatch {
                issuer,
                audience,
                accepted,
            } => Some(format!(
                "the token's audience {} is not among the audiences of issuer {issuer}: {}; add it there if \
                 it is an audience of your API",
                audience.as_deref().unwrap_or("(none)"),
                listed(accepted)
            )),
            Self::RuleUnsatisfied {
                rule,
                requirement,
                similar,
            } => similar.as_ref().map(|similar| {
                format!(
                    "rule {rule} requires {requirement}; did you mean {similar}, which the token has? Upper and \
                     lower case differ"
                )
            }),
            Self::InspectionUnavailable(limit) => Some(limit.text().to_owned()),
            Self::UpstreamNotAllowed {
                credential,
                cluster,
                ..
            } => Some(match cluster {
                Some(cluster) => format!(
                    "credential {credential} may not be sent to cluster {}; add the cluster to its \
                     `clusters` to allow it",
                    excerpt(cluster)
                ),
                None => format!(
                    "credential {credential} is limited to certain clusters, and the host does not \
                     report the cluster of this request"
                ),
            }),
            Self::CredentialUnavailable { reason, .. } => Some(reason.text().to_owned()),
            Self::GroupsOverage { lookup, .. } => {
                let reason = match (*lookup)? {
                    GroupsUnavailable::TooSlow => {
                        "Microsoft Graph did not answer within wait.timeout"
                    }
                    GroupsUnavailable::Failing => {
                        "Microsoft Graph can't be queried; the log has the reason"
                    }
                    GroupsUnavailable::UnknownCaller => "Microsoft Graph does not know the caller",
                    GroupsUnavailable::TooManyWaiting => {
                        "wait.requests requests are already waiting"
                    }
                };
                Some(reason.to_owned())
            }
            Self::TokenRevoked { ground } => Some(ground.text()),
            Self::RevocationUnavailable { list, reason } => {
                Some(format!("the {} {}", list.name(), reason.text()))
            }
            Self::CredentialRejected { credential, status } => Some(format!(
                "the upstream answered {status} to credential {credential}"
            )),
            Self::EndpointUnavailable(why) => Some(why.operator_detail().to_owned()),
            Self::ModelsUnreadable(reason)
            | Self::McpUnreadable(reason)
            | Self::Internal(reason) => Some((*reason).to_owned()),
            _ => None,
        }
    }
}

/// Quotes the first texts of a list.
fn listed(texts: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut shown: Vec<String> = texts.iter().take(SHOWN).map(|text| excerpt(text)).collect();
    if let Some(more) = texts.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

impl HeldLimit {
    const fn text(self) -> &'static str {
        match self {
            Self::Bodies => "limits.inspections bodies are already held",
            Self::Bytes => "limits.inspected_bytes bytes of bodies are already held",
        }
    }
}

impl CredentialUnavailable {
    const fn text(self) -> &'static str {
        match self {
            Self::NeverFetched => "no value has been fetched yet",
            Self::Stale => "the last valid value is older than max_stale",
            Self::ExchangeFailed => "the token exchange failed",
            Self::TooManyWaiting => "wait.requests requests are already waiting",
        }
    }
}
