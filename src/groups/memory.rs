//! Cache of callers' group memberships, bounded in number and time.

use crate::decision::GroupsUnavailable;
use crate::policy::membership::Membership;
use crate::time::Timestamp;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of cached callers. Few callers have more than 200 groups; an entry takes about
/// 200 bytes.
const MAX_CALLERS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

pub type Known = Result<Arc<Membership>, GroupsUnavailable>;

/// Entries by the caller's object id.
#[derive(Debug)]
pub struct Memory(LruCache<String, Entry>);

#[derive(Debug)]
struct Entry {
    known: Known,
    until: Timestamp,
}

impl Default for Memory {
    fn default() -> Self {
        Self(LruCache::new(MAX_CALLERS))
    }
}

impl Memory {
    pub fn find(&mut self, object: &str, now: Timestamp) -> Option<Known> {
        let entry = self.0.get(object)?;
        (now < entry.until).then(|| entry.known.clone())
    }

    /// Adds an entry. Returns true if the current entry of another caller was evicted.
    pub fn keep(&mut self, object: String, known: Known, span: Duration, now: Timestamp) -> bool {
        let until = now.plus(span);
        let is_new = !self.0.contains(&object);
        let previous = self.0.push(object, Entry { known, until });
        is_new && previous.is_some_and(|(_, evicted)| now < evicted.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_memory_evicts_the_least_recently_used_entry() {
        let mut memory = Memory::default();
        let at = Timestamp::from_secs;
        let known = || Err(GroupsUnavailable::UnknownCaller);
        let minute = Duration::from_secs(60);
        for index in 0..MAX_CALLERS.get() {
            let now = at(100 + index as u64 / 100);
            assert!(!memory.keep(format!("{index:05}"), known(), minute, now));
        }
        assert!(memory.find("00000", at(140)).is_some());
        assert!(memory.keep("one more".into(), known(), minute, at(141)));
        assert_eq!(memory.0.len(), MAX_CALLERS.get());
        assert!(memory.find("one more", at(141)).is_some());
        assert!(memory.find("00000", at(141)).is_some());
        assert!(memory.find("00001", at(141)).is_none());
        // An expired entry does not count as evicted.
        assert!(!memory.keep("later".into(), known(), minute, at(160)));
        assert!(memory.find("00099", at(160)).is_none());
        assert!(memory.find("00100", at(160)).is_some());
        assert!(memory.find("00100", at(161)).is_none());
    }
}
