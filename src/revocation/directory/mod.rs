//! Revocation that is based on the directory: disabled and deleted accounts and applications, and revoked sign-in
//! sessions, as Microsoft Graph reports them (delta queries on users and service principals).

mod change;
mod entries;
mod id;
mod list;
mod page;
mod shared;
mod table;

pub use entries::Entries;
pub use id::Id;
pub use list::{DirectoryList, PAGES_PER_ROUND, PAGES_PER_TICK, PageCall, Progress};
pub use page::PageError;
pub use shared::{ALL_PIECES, Manifest, Piece, PieceId};

use super::OnStale;
use crate::decision::RevocationList;
use crate::fetch::callout::{CalloutError, Target};
use crate::fetch::refresh::Schedule;
use crate::json;
use crate::service_auth::auth::Auth;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The directory of an issuer: the compiled form of `revocation.graph`.
#[derive(Clone, Debug)]
pub struct Source {
    /// The issuer's configured name. The lists apply only to its callers.
    pub issuer: Arc<str>,
    /// Whether the callers' object id is Entra's `oid`, which is the default.
    pub object_is_oid: bool,
    /// The address of Graph, including the version.
    pub graph: Target,
    pub schedule: Schedule,
    pub on_stale: OnStale,
    /// The maximum number of entries of one list.
    pub entries: usize,
    /// The maximum lifetime of a token, for which a deletion or a revocation of sessions is remembered.
    pub token_life: Duration,
    pub auth: Auth,
}

/// The kind of directory objects in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    Users,
    /// Service principals: applications, managed identities and agents.
    ServicePrincipals,
}

impl Collection {
    pub const ALL: [Self; 2] = [Self::Users, Self::ServicePrincipals];

    /// Returns the name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::ServicePrincipals => "service_principals",
        }
    }

    /// Returns the list in a denial.
    pub const fn list(self) -> RevocationList {
        match self {
            Self::Users => RevocationList::Users,
            Self::ServicePrincipals => RevocationList::ServicePrincipals,
        }
    }

    /// Returns the query of a full pass, relative to the version.
    const fn query(self) -> &'static str {
        match self {
            Self::Users => "users/delta?$select=id,accountEnabled,signInSessionsValidFromDateTime",
            Self::ServicePrincipals => "servicePrincipals/delta?$select=id,appId,accountEnabled",
        }
    }

    const fn permission(self) -> &'static str {
        match self {
            Self::Users => "User.Read.All",
            Self::ServicePrincipals => "Application.Read.All",
        }
    }
}

/// Why a list could not be fetched. Contains no ids and no links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListError {
    Callout(CalloutError),
    /// Another status, with Graph's error code if the answer has one.
    Status {
        status: u16,
        code: Option<String>,
    },
    Page(PageError),
    /// A page's link leads back to an earlier page.
    Circle,
    TooManyPages,
    /// The directory has more entries than the list may hold.
    TooMany {
        entries: usize,
    },
}

impl ListError {
    fn status(status: u16, body: &[u8]) -> Self {
        let code = json::error_code(body);
        Self::Status { status, code }
    }

    /// Returns the text for the operator.
    pub fn text(&self, collection: Collection) -> String {
        match self {
            Self::Status { status: 403, code } => {
                let code = code.as_deref().unwrap_or("no code");
                let permission = collection.permission();
                format!(
                    "the answer has status 403, {code}; the filter's app needs the application permission \
                     {permission}, granted by an administrator"
                )
            }
            error => error.to_string(),
        }
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callout(error) => error.fmt(f),
            Self::Status { status, code } => {
                write!(f, "the answer has status {status}")?;
                code.iter().try_for_each(|code| write!(f, ", {code}"))
            }
            Self::Page(error) => error.fmt(f),
            Self::Circle => f.write_str("the pages link to each other in a loop"),
            Self::TooManyPages => write!(f, "there are more than {PAGES_PER_ROUND} pages"),
            Self::TooMany { entries } => write!(
                f,
                "the directory has more than {entries} disabled, deleted or changed objects; raise `entries`"
            ),
        }
    }
}
