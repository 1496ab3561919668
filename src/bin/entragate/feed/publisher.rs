//! Publishes the feed: the revocations of the directories and the event streams, in one document.

use super::moment::Moment;
use super::ssf::Receiver;
use super::{locked, warn};
use entragate::revocation::List;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The size in bytes from which the operator is warned.
const LARGE: usize = List::MAX_BYTES / 4 * 3;
/// The feed is rebuilt at least every minute, because entries expire.
const MINUTE: u64 = 60;

/// The feed as JSON, or why it is not available.
pub type Feed = Result<Arc<str>, String>;

pub struct Publisher {
    directories: Mutex<Directories>,
    receiver: Option<Arc<Receiver>>,
    current: RwLock<Feed>,
    built: Mutex<Option<Built>>,
}

/// The revocations of the directories; empty if no directory is configured.
struct Directories {
    version: u64,
    feed: Result<Value, String>,
}

/// The inputs from which the current feed was built.
#[derive(PartialEq, Eq)]
struct Built {
    directories: u64,
    events: Option<(u64, u64)>,
    availability: Result<(), String>,
    minute: u64,
    /// The number of revoked accounts whose object id is unknown, so that none of their tokens is denied.
    unnamed: usize,
}

impl Publisher {
    pub fn new(has_directories: bool, receiver: Option<Arc<Receiver>>) -> Self {
        let waiting = "the lists have not been fetched yet".to_owned();
        let feed = if has_directories {
            Err(waiting.clone())
        } else {
            Ok(json!({}))
        };
        Self {
            directories: Mutex::new(Directories { version: 0, feed }),
            receiver,
            current: RwLock::new(Err(waiting)),
            built: Mutex::new(None),
        }
    }

    /// Sets the revocations of the directories.
    pub fn set_directories(&self, feed: Result<Value, String>) {
        let mut directories = locked(&self.directories);
        directories.version += 1;
        directories.feed = feed;
    }

    /// Publishes the changes. When this function returns, requests get the new feed.
    pub fn publish(&self) {
        let mut built = locked(&self.built);
        let directories = locked(&self.directories);
        let moment = Moment::now();
        let now = moment.wall;
        let receiver = self.receiver.as_ref();
        let availability = match &directories.feed {
            Err(reason) => Err(reason.clone()),
            Ok(_) => receiver.map_or(Ok(()), |receiver| receiver.availability(moment)),
        };
        let mut new = Built {
            directories: directories.version,
            events: receiver.map(|receiver| receiver.version()),
            availability: availability.clone(),
            minute: now.as_secs() / MINUTE,
            unnamed: built.as_ref().map_or(0, |built| built.unnamed),
        };
        if built.as_ref() == Some(&new) {
            return;
        }
        let revoked = receiver.map(|receiver| receiver.revoked(now));
        let unnamed = revoked.as_ref().map_or(0, |revoked| revoked.unnamed);
        if unnamed > new.unnamed {
            warn(&format!(
                "accounts that events revoke, but whose object id is unknown: {unnamed}; add them to the file of `subjects`"
            ));
        }
        new.unnamed = unnamed;
        let feed: Feed = availability.and_then(|()| {
            let own = directories.feed.clone().unwrap_or_default();
            readable(merged(own, revoked).to_string())
        });
        match (&feed, self.feed()) {
            (Ok(feed), before) if feed.len() > LARGE => {
                if !before.is_ok_and(|before| before.len() > LARGE) {
                    let (bytes, limit) = (feed.len(), List::MAX_BYTES);
                    warn(&format!(
                        "the feed has {bytes} bytes; above {limit}, it becomes unavailable"
                    ));
                }
            }
            (Ok(_), _) => {}
            (Err(reason), before) if before.is_ok() || built.is_none() => {
                warn(&format!("the feed is not available: {reason}"));
            }
            (Err(_), _) => {}
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = feed;
        *built = Some(new);
    }

    /// Returns the feed.
    pub fn feed(&self) -> Feed {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Returns the status of the streams as JSON; `None` without streams.
    pub fn status(&self) -> Option<String> {
        let receiver = self.receiver.as_ref()?;
        Some(format!("{:#}\n", receiver.status()))
    }
}

/// Returns the feed if it is small enough for gateways. Gateways would refuse a larger feed and keep their last one,
/// and an incomplete feed would end revocations.
fn readable(feed: String) -> Feed {
    if feed.len() > List::MAX_BYTES {
        let (bytes, limit) = (feed.len(), List::MAX_BYTES);
        return Err(format!(
            "it has {bytes} bytes, and gateways read at most {limit}; delete accounts that have been disabled for long, or use \
             revocation.graph in the gateways"
        ));
    }
    Ok(Arc::from(feed))
}

/// Adds the revocations of the streams to the feed of the directories.
fn merged(directories: Value, events: Option<super::ssf::Revoked>) -> Value {
    let Some(events) = events else {
        return directories;
    };
    let texts = |name: &str| {
        let texts = directories[name].as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned)
    };
    let mut objects = events.objects;
    objects.extend(texts("oids"));
    let clients: Vec<String> = texts("clients").collect();
    let mut not_before: BTreeMap<String, u64> = events.not_before;
    for (id, from) in directories["not_before"].as_object().unwrap_or(&Map::new()) {
        let from = from.as_u64().unwrap_or_default();
        let limit = not_before.entry(id.clone()).or_insert(from);
        *limit = from.max(*limit);
    }
    json!({
        "oids": objects,
        "clients": clients,
        "sessions": events.sessions,
        "tokens": events.tokens,
        "not_before": not_before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_is_published_only_if_the_filter_can_read_it() {
        let of_size = |bytes: usize| {
            let frame = json!({"oids": [""]}).to_string().len();
            json!({"oids": ["a".repeat(bytes - frame)]})
        };
        for (bytes, is_read) in [(List::MAX_BYTES, true), (List::MAX_BYTES + 1, false)] {
            let publisher = Publisher::new(true, None);
            let feed = of_size(bytes);
            assert_eq!(
                List::from_json(feed.to_string().as_bytes()).is_ok(),
                is_read
            );
            publisher.set_directories(Ok(feed));
            publisher.publish();
            let published = publisher.feed();
            assert_eq!(published.is_ok(), is_read, "{bytes}");
            if let Err(reason) = published {
                assert!(reason.contains("1048577 bytes"), "{reason}");
            }
        }
    }

    #[test]
    fn feed_has_revocations_of_directories_and_events() {
        let directories =
            json!({"oids": ["a", "b"], "clients": ["c"], "not_before": {"d": 5, "e": 9}});
        assert_eq!(merged(directories.clone(), None), directories);
        let texts = |all: &[&str]| all.iter().map(|own| (*own).to_owned()).collect();
        let events = crate::feed::ssf::Revoked {
            objects: texts(&["b", "f"]),
            sessions: texts(&["s"]),
            tokens: texts(&["t"]),
            not_before: [
                ("d".to_owned(), 7),
                ("e".to_owned(), 2),
                ("g".to_owned(), 1),
            ]
            .into(),
            unnamed: 0,
        };
        let expected = json!({
            "oids": ["a", "b", "f"], "clients": ["c"], "sessions": ["s"], "tokens": ["t"],
            "not_before": {"d": 7, "e": 9, "g": 1},
        });
        assert_eq!(merged(directories, Some(events.clone())), expected);
        let alone = merged(json!({}), Some(events));
        assert_eq!(
            (&alone["oids"], &alone["clients"]),
            (&json!(["b", "f"]), &json!([]))
        );
    }
}
