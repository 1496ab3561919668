//! What of a denial is for the audit record alone.

use super::{
    CredentialUnavailable, Denial, FeedUnavailable, GroupsUnavailable, HeldLimit, KeysUnavailable,
};
use crate::text::excerpt;

impl Denial {
    /// What only the operator may know, for the audit record, where the public text is silent.
    pub fn operator_detail(&self) -> Option<String> {
        match self {
            Self::KeysUnavailable { issuer, reason } => {
                let reason = match reason {
                    KeysUnavailable::NeverFetched => "no keys have come yet",
                    KeysUnavailable::Stale => "the last good keys are older than max_stale",
                    KeysUnavailable::TooManyWaiting => {
                        "wait.requests requests wait for keys already"
                    }
                };
                Some(format!("issuer {issuer}: {reason}"))
            }
            Self::InspectionUnavailable(limit) => Some(limit.text().to_owned()),
            Self::UpstreamNotAllowed {
                credential,
                cluster,
                ..
            } => Some(match cluster {
                Some(cluster) => format!(
                    "credential {credential} is not meant for cluster {}; name the cluster in its \
                     `clusters` if it is",
                    excerpt(cluster)
                ),
                None => format!(
                    "credential {credential} is limited to clusters, and the host does not report the \
                     cluster of this request"
                ),
            }),
            Self::CredentialUnavailable { reason, .. } => Some(reason.text().to_owned()),
            Self::GroupsOverage { lack, .. } => {
                let reason = match (*lack)? {
                    GroupsUnavailable::TooSlow => {
                        "Microsoft Graph has not answered within wait.timeout"
                    }
                    GroupsUnavailable::Failing => {
                        "Microsoft Graph can't be asked; the log says why"
                    }
                    GroupsUnavailable::UnknownCaller => "Microsoft Graph does not know the caller",
                    GroupsUnavailable::TooManyWaiting => "wait.requests requests wait already",
                };
                Some(reason.to_owned())
            }
            Self::TokenRevoked { ground } => {
                Some(format!("by {} of the revocation feed", ground.name()))
            }
            Self::RevocationUnavailable { reason } => Some(match reason {
                FeedUnavailable::NeverFetched => "no revocation feed has come yet".to_owned(),
                FeedUnavailable::Stale => {
                    "the last good revocation feed is older than max_stale".to_owned()
                }
            }),
            Self::CredentialRejected { credential, status } => Some(format!(
                "the upstream answered {status} to credential {credential}"
            )),
            Self::EndpointUnavailable(why) => Some(why.operator_detail().to_owned()),
            Self::ModelsUnreadable(reason) | Self::Internal(reason) => Some((*reason).to_owned()),
            _ => None,
        }
    }
}

impl HeldLimit {
    const fn text(self) -> &'static str {
        match self {
            Self::Bodies => "limits.inspections bodies are held already",
            Self::Bytes => "limits.inspected_bytes bytes of bodies are held already",
        }
    }
}

impl CredentialUnavailable {
    const fn text(self) -> &'static str {
        match self {
            Self::NeverFetched => "no good value has come yet",
            Self::Stale => "the last good value is older than max_stale",
            Self::ExchangeFailed => "the token exchange has failed",
            Self::TooManyWaiting => "wait.requests requests wait already",
        }
    }
}
