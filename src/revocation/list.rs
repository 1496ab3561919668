//! The content of a revocation feed: ids of callers, clients, sessions and tokens, and the time
//! from which a caller's tokens are valid.

use crate::decision::Ground;
use crate::json;
use crate::time::Timestamp;
use crate::token::claims::Claims;
use crate::token::issuer::is_guid;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// The claim with the token's id, in addition to `uti` (RFC 7519 §4.1.7).
pub const TOKEN_ID: &str = "jti";

/// The end of the year 9999.
const LATEST: f64 = 253_402_300_799.0;

/// A valid feed.
#[derive(Clone, Default, PartialEq)]
pub struct List {
    objects: HashSet<String>,
    clients: HashSet<String>,
    sessions: HashSet<String>,
    tokens: HashSet<String>,
    not_before: HashMap<String, Timestamp>,
}

/// Omits the ids.
impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "List({} entries)", self.len())
    }
}

/// Why a text is not a valid feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListError {
    TooLarge {
        bytes: usize,
    },
    /// Not JSON, not an object, or a duplicate member.
    NotAnObject {
        line: usize,
        column: usize,
    },
    UnknownMember,
    /// This member is not a list of strings.
    NotStrings(&'static str),
    /// `not_before` is not an object of times.
    NotTimes,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "the feed of {bytes} bytes exceeds the limit of {}",
                    List::MAX_BYTES
                )
            }
            Self::NotAnObject { line, column } => write!(
                f,
                "the feed is not a JSON object, or has a duplicate member (line {line}, column {column})"
            ),
            Self::UnknownMember => f.write_str(
                "the feed has a member other than oids, clients, sessions, tokens and not_before",
            ),
            Self::NotStrings(member) => write!(f, "the feed's {member} is not a list of strings"),
            Self::NotTimes => {
                f.write_str("the feed's not_before is not an object of times in seconds since 1970")
            }
        }
    }
}

impl List {
    /// The size limit of a feed, in bytes.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// Reads a feed. Anything unknown is an error and is never skipped, because it may have been
    /// meant to revoke someone.
    ///
    /// # Errors
    /// The first error in the feed.
    pub fn from_json(text: &[u8]) -> Result<Self, ListError> {
        if text.len() > Self::MAX_BYTES {
            return Err(ListError::TooLarge { bytes: text.len() });
        }
        let members = json::parse_object(text).map_err(|error| ListError::NotAnObject {
            line: error.line(),
            column: error.column(),
        })?;
        let mut list = Self::default();
        // A null member counts as absent.
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            match name.as_str() {
                "oids" => list.objects = strings(value, "oids")?,
                "clients" => list.clients = strings(value, "clients")?,
                "sessions" => list.sessions = strings(value, "sessions")?,
                "tokens" => list.tokens = strings(value, "tokens")?,
                "not_before" => list.not_before = times(value)?,
                _ => return Err(ListError::UnknownMember),
            }
        }
        Ok(list)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        [&self.objects, &self.clients, &self.sessions, &self.tokens]
            .map(HashSet::len)
            .iter()
            .sum::<usize>()
            + self.not_before.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the feed revokes the caller's token, and by which member.
    pub fn revokes(&self, caller: &Claims) -> Option<Ground> {
        let lists = |ids: &HashSet<String>, id: Option<&str>| {
            !ids.is_empty() && id.is_some_and(|id| ids.contains(&normal(id)))
        };
        if lists(&self.objects, Some(&caller.object)) {
            Some(Ground::Object)
        } else if lists(&self.clients, caller.client.as_deref()) {
            Some(Ground::Client)
        } else if lists(&self.sessions, caller.session.as_deref()) {
            Some(Ground::Session)
        } else if lists(&self.tokens, caller.token_id.as_deref()) || self.lists_jti(caller) {
            Some(Ground::Token)
        } else if self.is_too_old(caller) {
            Some(Ground::NotBefore)
        } else {
            None
        }
    }

    /// Entra's tokens have a `uti` and may have a `jti`; a list may contain either.
    fn lists_jti(&self, caller: &Claims) -> bool {
        if self.tokens.is_empty() {
            return false;
        }
        let jti = caller.others.get(TOKEN_ID);
        let jti = jti.as_ref().and_then(Value::as_str);
        jti.is_some_and(|jti| self.tokens.contains(&normal(jti)))
    }

    /// A token without an issue time may have been issued at any time, so it counts as too old.
    fn is_too_old(&self, caller: &Claims) -> bool {
        if self.not_before.is_empty() {
            return false;
        }
        let not_before = self.not_before.get(&normal(&caller.object));
        not_before.is_some_and(|limit| caller.issued_at.is_none_or(|issued| issued < *limit))
    }
}

/// Converts GUIDs to lower case, since they are not case-sensitive. All other ids are case-sensitive.
fn normal(id: &str) -> String {
    if is_guid(id) {
        id.to_ascii_lowercase()
    } else {
        id.to_owned()
    }
}

fn strings(value: &Value, member: &'static str) -> Result<HashSet<String>, ListError> {
    let items = value.as_array().ok_or(ListError::NotStrings(member))?;
    let strings = items.iter().map(|item| item.as_str().map(normal));
    strings
        .collect::<Option<_>>()
        .ok_or(ListError::NotStrings(member))
}

fn times(value: &Value) -> Result<HashMap<String, Timestamp>, ListError> {
    let members = value.as_object().ok_or(ListError::NotTimes)?;
    let mut times = HashMap::new();
    for (id, time) in members {
        let secs = time.as_f64().filter(|secs| (0.0..=LATEST).contains(secs));
        let time = Timestamp::from_millis((secs.ok_or(ListError::NotTimes)? * 1000.0) as u64);
        // If a GUID appears in two spellings, the later time applies, because it revokes more.
        let latest = times.entry(normal(id)).or_insert(time);
        *latest = time.max(*latest);
    }
    Ok(times)
}
