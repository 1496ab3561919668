//! What a revocation feed says: ids of callers, clients, sessions and tokens, and since when a
//! caller's tokens count.

use crate::decision::Ground;
use crate::json;
use crate::time::Timestamp;
use crate::token::claims::Claims;
use crate::token::issuer::is_guid;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// The claim that names a token, where `uti` does not (RFC 7519 §4.1.7).
pub const TOKEN_ID: &str = "jti";

/// Longest feed we read, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The year 9999.
const LATEST: f64 = 253_402_300_799.0;

/// One good feed.
#[derive(Clone, Default, PartialEq)]
pub struct List {
    objects: HashSet<String>,
    clients: HashSet<String>,
    sessions: HashSet<String>,
    tokens: HashSet<String>,
    not_before: HashMap<String, Timestamp>,
}

/// Without the ids.
impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "List({} entries)", self.len())
    }
}

/// Why a text is no feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListError {
    TooLarge {
        bytes: usize,
    },
    /// No JSON, no object, or a member that stands twice.
    NotAnObject {
        line: usize,
        column: usize,
    },
    UnknownMember,
    /// That member is no list of texts.
    NotTexts(&'static str),
    /// `not_before` is no object of times.
    NotTimes,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "the feed of {bytes} bytes exceeds the limit of {MAX_BYTES}"
                )
            }
            Self::NotAnObject { line, column } => write!(
                f,
                "the feed is no JSON object, or names a member twice (line {line}, column {column})"
            ),
            Self::UnknownMember => f.write_str(
                "the feed has a member other than oids, clients, sessions, tokens and not_before",
            ),
            Self::NotTexts(member) => write!(f, "the feed's {member} is no list of texts"),
            Self::NotTimes => {
                f.write_str("the feed's not_before is no object of times in seconds since 1970")
            }
        }
    }
}

impl List {
    /// Reads a feed. What is not understood is an error, never skipped: it may have meant someone.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn from_json(text: &[u8]) -> Result<Self, ListError> {
        if text.len() > MAX_BYTES {
            return Err(ListError::TooLarge { bytes: text.len() });
        }
        let members = json::parse_object(text).map_err(|error| ListError::NotAnObject {
            line: error.line(),
            column: error.column(),
        })?;
        let mut list = Self::default();
        // A member that is null counts as absent.
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            match name.as_str() {
                "oids" => list.objects = texts(value, "oids")?,
                "clients" => list.clients = texts(value, "clients")?,
                "sessions" => list.sessions = texts(value, "sessions")?,
                "tokens" => list.tokens = texts(value, "tokens")?,
                "not_before" => list.not_before = times(value)?,
                _ => return Err(ListError::UnknownMember),
            }
        }
        Ok(list)
    }

    /// How much it lists.
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

    /// Whether it revokes a caller's token, and by which member.
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

    /// Entra's tokens have a `uti`; a list may name either.
    fn lists_jti(&self, caller: &Claims) -> bool {
        if self.tokens.is_empty() {
            return false;
        }
        let jti = caller.others.get(TOKEN_ID);
        let jti = jti.as_ref().and_then(Value::as_str);
        jti.is_some_and(|jti| self.tokens.contains(&normal(jti)))
    }

    /// A token that does not tell when it was issued may have been issued any time.
    fn is_too_old(&self, caller: &Claims) -> bool {
        if self.not_before.is_empty() {
            return false;
        }
        let not_before = self.not_before.get(&normal(&caller.object));
        not_before.is_some_and(|limit| caller.issued_at.is_none_or(|issued| issued < *limit))
    }
}

/// GUIDs have no case, all other ids do.
fn normal(id: &str) -> String {
    match is_guid(id) {
        true => id.to_ascii_lowercase(),
        false => id.to_owned(),
    }
}

fn texts(value: &Value, member: &'static str) -> Result<HashSet<String>, ListError> {
    let items = value.as_array().ok_or(ListError::NotTexts(member))?;
    let texts = items.iter().map(|item| item.as_str().map(normal));
    texts
        .collect::<Option<_>>()
        .ok_or(ListError::NotTexts(member))
}

fn times(value: &Value) -> Result<HashMap<String, Timestamp>, ListError> {
    let members = value.as_object().ok_or(ListError::NotTimes)?;
    let mut times = HashMap::new();
    for (id, time) in members {
        let secs = time.as_f64().filter(|secs| (0.0..=LATEST).contains(secs));
        let time = Timestamp::from_millis((secs.ok_or(ListError::NotTimes)? * 1000.0) as u64);
        // One GUID in two spellings: the later time revokes more.
        let latest = times.entry(normal(id)).or_insert(time);
        *latest = time.max(*latest);
    }
    Ok(times)
}
