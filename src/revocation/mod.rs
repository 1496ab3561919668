//! Revocation: callers, clients, sessions and tokens that are denied although their tokens are valid. Two kinds of sources
//! are polled in the background: a [feed] of the operator's own, and the [directory] of an issuer. These are state
//! machines without I/O: calls and answers are values.

pub mod directory;
pub mod feed;
mod list;

use crate::decision::{DirectoryGround, Ground, ListUnavailable, RevocationList};
use crate::fetch::refresh::{Freshness, Refresh};
use crate::time::Timestamp;
use crate::token::claims::{Claims, Fact};
use crate::token::kind::Kind;
use directory::{Collection, DirectoryList, Id};
use feed::Feed;
pub use list::{List, ListError, TOKEN_ID};

/// The claim with the caller's object id in the directory.
pub const OBJECT: &str = "oid";

/// The sources of revocations: the compiled form of `revocation`.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub feed: Option<feed::Source>,
    /// One for each issuer whose directory is queried.
    pub directories: Vec<directory::Source>,
}

impl Sources {
    pub const fn is_empty(&self) -> bool {
        self.feed.is_none() && self.directories.is_empty()
    }
}

/// The effect on requests while a list is unavailable: too old, or not fetched yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStale {
    Deny,
    /// Callers that the last valid list does not revoke are allowed.
    Allow,
}

impl OnStale {
    /// Returns the effect on requests, for the operator.
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Deny => "requests that need it are denied (on_stale: deny)",
            Self::Allow => {
                "callers that were revoked since the last valid list are allowed (on_stale: allow)"
            }
        }
    }
}

/// All lists of revocations.
#[derive(Debug)]
pub struct Revocation {
    pub feed: Option<Feed>,
    /// The lists of each directory, users first.
    pub directories: Vec<DirectoryList>,
}

/// Returns why the resource of a schedule is unavailable; `None` if it is available.
fn unavailable(refresh: &Refresh, now: Timestamp) -> Option<ListUnavailable> {
    match refresh.freshness(now) {
        Freshness::Usable { .. } => None,
        Freshness::Never => Some(ListUnavailable::NeverFetched),
        Freshness::Stale { .. } => Some(ListUnavailable::Stale),
    }
}

/// The result of checking a caller against the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Clear,
    Revoked(Ground),
    /// A claim whose id a list could contain has a form that cannot be read.
    Unreadable,
    /// A list that could revoke the caller is unavailable.
    Unknown(Unknown),
}

/// A list that is unavailable for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub list: RevocationList,
    pub reason: ListUnavailable,
    /// The caller is allowed if the list does not become available while the request waits.
    pub is_lenient: bool,
    /// The list is being fetched, or its next fetch begins at this time.
    fetched_from: Option<Timestamp>,
}

impl Unknown {
    /// Requests wait only for the first fetch. After it, an outage must not delay requests that may be decided without
    /// the list.
    const fn standing(self, is_tried: bool) -> Standing {
        if self.is_lenient && is_tried {
            Standing::Clear
        } else {
            Standing::Unknown(self)
        }
    }

    /// Returns whether the list may be available before the deadline.
    pub fn may_end_by(&self, deadline: Timestamp) -> bool {
        self.fetched_from.is_some_and(|from| from <= deadline)
    }
}

impl Revocation {
    pub fn new(sources: &Sources, now: Timestamp) -> Self {
        let lists = |source: &directory::Source| {
            Collection::ALL.map(|collection| DirectoryList::new(source.clone(), collection, now))
        };
        let feed = sources.feed.clone();
        Self {
            feed: feed.map(|source| Feed::new(source, now)),
            directories: sources.directories.iter().flat_map(lists).collect(),
        }
    }

    /// Retries failed fetches soon, because the cause may be gone.
    pub fn hurry(&mut self, now: Timestamp) {
        self.feed.iter_mut().for_each(|feed| feed.hurry(now));
        self.directories.iter_mut().for_each(|list| list.hurry(now));
    }

    /// Checks a caller against the lists. A caller that a list revokes remains revoked, even if the list is stale.
    pub fn standing(&self, caller: &Claims, now: Timestamp) -> Standing {
        let mut unknown = None;
        if let Some(feed) = &self.feed {
            match of_feed(feed, caller, now) {
                Standing::Clear => {}
                Standing::Unknown(list) => unknown = Some(list),
                standing @ (Standing::Revoked(_) | Standing::Unreadable) => return standing,
            }
        }
        for list in &self.directories {
            match of_directory(list, caller, now) {
                Standing::Clear => {}
                // A list whose `on_stale` is `deny` takes precedence over one whose `on_stale` is `allow`.
                Standing::Unknown(list) => {
                    unknown = unknown
                        .filter(|other: &Unknown| !other.is_lenient)
                        .or(Some(list));
                }
                standing @ (Standing::Revoked(_) | Standing::Unreadable) => return standing,
            }
        }
        unknown.map_or(Standing::Clear, Standing::Unknown)
    }
}

fn of_feed(feed: &Feed, caller: &Claims, now: Timestamp) -> Standing {
    if let Some(ground) = feed.revokes(caller) {
        return Standing::Revoked(ground);
    }
    let ids = [Fact::Client, Fact::Session, Fact::TokenId];
    if ids.into_iter().any(|fact| caller.unclear.has(fact)) {
        return Standing::Unreadable;
    }
    feed.unavailable(now).map_or(Standing::Clear, |reason| {
        let unknown = Unknown {
            list: RevocationList::Feed,
            reason,
            is_lenient: feed.is_lenient(),
            fetched_from: feed.refresh().fetched_from(now),
        };
        unknown.standing(feed.is_tried())
    })
}

fn of_directory(list: &DirectoryList, caller: &Claims, now: Timestamp) -> Standing {
    let (source, collection) = (list.source(), list.collection());
    if *source.issuer != *caller.issuer {
        return Standing::Clear;
    }
    match revokes(list, caller) {
        Ok(None) => {}
        Ok(Some(ground)) => return Standing::Revoked(Ground::Directory(ground)),
        Err(Unreadable) => return Standing::Unreadable,
    }
    let unavailable = list
        .unavailable(now)
        .filter(|_| concerns(collection, caller.kind));
    unavailable.map_or(Standing::Clear, |reason| {
        let unknown = Unknown {
            list: collection.list(),
            reason,
            is_lenient: source.on_stale == OnStale::Allow,
            fetched_from: list.refresh().fetched_from(now),
        };
        unknown.standing(list.is_tried())
    })
}

/// An id of the caller has a form that cannot be read.
struct Unreadable;

fn revokes(list: &DirectoryList, caller: &Claims) -> Result<Option<DirectoryGround>, Unreadable> {
    let entries = list.entries();
    let object = object_of(list.source(), caller).ok_or(Unreadable)?;
    let of_object = entries.of_object(object, caller.issued_at);
    if list.collection() == Collection::Users || of_object.is_some() {
        return Ok(of_object);
    }
    if caller.unclear.has(Fact::Client) {
        return Err(Unreadable);
    }
    let client = caller.client.as_deref().and_then(Id::of);
    Ok(client.and_then(|app| entries.of_app(app)))
}

/// Returns the caller as the directory knows it: by Entra's `oid`, even if rules match another claim as the object.
fn object_of(source: &directory::Source, caller: &Claims) -> Option<Id> {
    if source.object_is_oid {
        Id::of(&caller.object)
    } else {
        Id::of(caller.others.get(OBJECT)?.as_str()?)
    }
}

/// Returns whether a caller of this kind may be in the list. If the kind is unknown, the caller may be in any list.
fn concerns(collection: Collection, kind: Option<Kind>) -> bool {
    match (kind, collection) {
        (Some(Kind::User), Collection::Users)
        | (Some(Kind::App), Collection::ServicePrincipals)
        // An agent is a service principal, or acts through a user account of its own.
        | (Some(Kind::Agent) | None, _) => true,
        (Some(Kind::User), Collection::ServicePrincipals)
        | (Some(Kind::App), Collection::Users) => false,
    }
}
