//! Reads one page of a delta query (Microsoft Graph, "Use delta query to track changes").
//!
//! A page is read in place, and as a whole: if any part of it cannot be read, none of it is applied.

use super::change::Change;
use super::id::Id;
use crate::fetch::callout::Target;
use crate::json::raw::{Object, Raw};
use crate::time::Timestamp;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// The maximum length of a link, in bytes. Links contain a state token of a few hundred bytes.
pub const LONGEST_LINK: usize = 16 * 1024;

/// A page: changes, and the link to follow.
#[derive(Debug)]
pub struct Page {
    pub changes: Vec<Change>,
    pub next: Next,
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Another page (`@odata.nextLink`).
    Page(Link),
    /// There is no further page. The link returns the changes from this point on (`@odata.deltaLink`).
    Delta(Link),
}

/// Path and query of a link on the configured host. Contains a state token, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(redacted)")
    }
}

impl Link {
    /// Reads path and query of a link that was previously read from a page.
    pub fn restore(path: String) -> Option<Self> {
        let is_sane = path.starts_with('/') && path.len() <= LONGEST_LINK;
        is_sane.then_some(Self(path))
    }

    pub fn path(&self) -> &str {
        &self.0
    }

    fn read(uri: &str, graph: &Target) -> Result<Self, PageError> {
        if uri.len() > LONGEST_LINK {
            return Err(PageError::LinkTooLong);
        }
        let target = Target::parse(&graph.cluster, uri).map_err(|_| PageError::BadLink)?;
        if (target.scheme, &target.authority) != (graph.scheme, &graph.authority) {
            return Err(PageError::ForeignLink);
        }
        Ok(Self(target.path))
    }
}

/// Why a page cannot be used. The error does not contain any part of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageError {
    /// Not a JSON object, truncated, or with a duplicate member.
    NotAnObject,
    /// `value` is not a list.
    NoList,
    /// This item of `value` is not an object whose `id` is a GUID.
    NoId {
        item: usize,
    },
    /// The type of this property of an item differs from the documented one.
    BadProperty {
        item: usize,
        property: &'static str,
    },
    /// Neither or both of `@odata.nextLink` and `@odata.deltaLink`.
    NotOneLink,
    /// The link is not a valid URI.
    BadLink,
    LinkTooLong,
    /// The link points to another host, or has another scheme.
    ForeignLink,
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("the page is not a complete JSON object"),
            Self::NoList => f.write_str("the page has no list `value`"),
            Self::NoId { item } => write!(f, "value[{item}] is not an object with a GUID as `id`"),
            Self::BadProperty { item, property } => {
                write!(
                    f,
                    "value[{item}].{property} does not have the documented type"
                )
            }
            Self::NotOneLink => {
                f.write_str("the page must have either @odata.nextLink or @odata.deltaLink")
            }
            Self::BadLink => f.write_str("the page's link is not a valid URI"),
            Self::LinkTooLong => {
                write!(f, "the page's link is longer than {LONGEST_LINK} bytes")
            }
            Self::ForeignLink => {
                f.write_str("the page's link points to another host and is not followed")
            }
        }
    }
}

/// Reads a page. `graph` is the configured address, which links must have.
///
/// # Errors
/// The first error in the page.
pub fn read(body: &[u8], graph: &Target, now: Timestamp) -> Result<Page, PageError> {
    let text = std::str::from_utf8(body).map_err(|_| PageError::NotAnObject)?;
    let page = Object::read(text).ok_or(PageError::NotAnObject)?;
    let link = |name| {
        page.get(name)
            .map(|link| read_link(link, graph))
            .transpose()
    };
    let next = match (link("@odata.nextLink")?, link("@odata.deltaLink")?) {
        (Some(link), None) => Next::Page(link),
        (None, Some(link)) => Next::Delta(link),
        (Some(_), Some(_)) | (None, None) => return Err(PageError::NotOneLink),
    };
    let items = page
        .get("value")
        .and_then(Raw::items)
        .ok_or(PageError::NoList)?;
    let changes = items
        .enumerate()
        .map(|(item, value)| change(item, value, now));
    Ok(Page {
        changes: changes.collect::<Result<_, _>>()?,
        next,
    })
}

fn read_link(link: Raw<'_>, graph: &Target) -> Result<Link, PageError> {
    let uri = link.text().ok_or(PageError::BadLink)?;
    Link::read(&uri, graph)
}

fn change(item: usize, value: Raw<'_>, now: Timestamp) -> Result<Change, PageError> {
    let object = value.object().ok_or(PageError::NoId { item })?;
    let id = object.get("id").and_then(Raw::text);
    let id = id
        .and_then(|id| Id::of(&id))
        .ok_or(PageError::NoId { item })?;
    let bad = |property| PageError::BadProperty { item, property };
    let enabled = object
        .get("accountEnabled")
        .map(|value| match value.as_written() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(bad("accountEnabled")),
        });
    let app = object.get("appId").map(|value| {
        let app = value.text().and_then(|app| Id::of(&app));
        app.ok_or(bad("appId"))
    });
    let sessions_from = object.get("signInSessionsValidFromDateTime");
    Ok(Change {
        object: id,
        is_removed: object.has("@removed"),
        enabled: enabled.transpose()?,
        app: app.transpose()?,
        // If the time cannot be read, all tokens that have been issued so far are revoked.
        sessions_from: sessions_from
            .map(|time| time.text().and_then(|time| read_time(&time)).unwrap_or(now)),
    })
}

/// Reads an RFC 3339 time in UTC and rounds it up to a second. A time before 1970 is the start of 1970.
fn read_time(text: &str) -> Option<Timestamp> {
    let year = text.get(..4)?.parse::<u16>().ok()?;
    if year < 1970 {
        // 1972 has all days that a year can have.
        let moved = format!("1972{}", text.get(4..)?);
        humantime::parse_rfc3339(&moved).ok()?;
        return Some(Timestamp::from_secs(0));
    }
    let since = humantime::parse_rfc3339(text)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    let is_whole = since.subsec_nanos() == 0;
    let whole = if is_whole {
        since
    } else {
        since.saturating_add(Duration::from_secs(1))
    };
    Some(Timestamp::from_secs(whole.as_secs()))
}

#[cfg(test)]
mod tests;
