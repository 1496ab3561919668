//! Cache of callers' group memberships, bounded in number and time.

use crate::decision::GroupsUnavailable;
use crate::policy::membership::Membership;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of cached callers. Few callers have more than 200 groups; an entry takes about
/// 200 bytes.
const MAX_CALLERS: usize = 4096;

pub type Known = Result<Arc<Membership>, GroupsUnavailable>;

/// Entries by the caller's object id.
#[derive(Debug, Default)]
pub struct Memory(HashMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    known: Known,
    until: Timestamp,
}

impl Memory {
    pub fn find(&self, object: &str, now: Timestamp) -> Option<Known> {
        let entry = self.0.get(object)?;
        (now < entry.until).then(|| entry.known.clone())
    }

    /// Adds an entry. Returns true if the entry of another caller was evicted.
    pub fn keep(&mut self, object: String, known: Known, span: Duration, now: Timestamp) -> bool {
        let mut evicted = false;
        if self.0.len() >= MAX_CALLERS && !self.0.contains_key(&object) {
            self.0.retain(|_, entry| now < entry.until);
            if self.0.len() >= MAX_CALLERS {
                let oldest = self.0.iter().min_by_key(|(_, entry)| entry.until);
                if let Some(object) = oldest.map(|(object, _)| object.clone()) {
                    self.0.remove(&object);
                    evicted = true;
                }
            }
        }
        let until = now.plus(span);
        self.0.insert(object, Entry { known, until });
        evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_memory_evicts_the_oldest_entry() {
        let mut memory = Memory::default();
        let at = Timestamp::from_secs;
        let known = || Err(GroupsUnavailable::UnknownCaller);
        let minute = Duration::from_secs(60);
        for index in 0..MAX_CALLERS {
            let now = at(100 + index as u64 / 100);
            assert!(!memory.keep(format!("{index:05}"), known(), minute, now));
        }
        assert!(memory.keep("one more".into(), known(), minute, at(141)));
        assert_eq!(memory.0.len(), MAX_CALLERS);
        assert!(memory.find("one more", at(141)).is_some());
        // Expired entries are evicted first; other entries are kept.
        assert!(!memory.keep("later".into(), known(), minute, at(160)));
        assert!(memory.find("00099", at(159)).is_none());
        assert!(memory.find("00100", at(160)).is_some());
        assert!(memory.find("00100", at(161)).is_none());
    }
}
