//! Coordinates the fetches of one resource between VMs: decides whether this VM fetches, waits for
//! another VM's fetch, or takes over another VM's answer.

use super::head::Head;
use super::lease::{CLOCK_SKEW, Lease, MAX_TRIES, RENEWAL_INTERVAL};
use super::published::Published;
use super::{Entry, SharedData, Unavailable};
use crate::fetch::refresh::Backoff;
use crate::sharing::mac::Mac;
use crate::time::Timestamp;
use std::time::Duration;

/// The time between two checks for other VMs' answers, while no answer is needed.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// After this many consecutive ticks without a successful write, this VM fetches without a lease.
const MAX_MISSED: u32 = 20;

/// The response to a request to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Fetch, then call [`FetchCoordinator::end`].
    Fetch,
    /// Another VM fetches; ask again at the next tick.
    Wait,
    /// Another VM has fetched the resource.
    TakeOver(Published),
    /// Another VM's fetch has just failed, and a retry would be too soon.
    StandDown(Backoff),
}

/// The result of this VM's fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Good(Published, Backoff),
    Failed(Backoff),
}

#[derive(Debug)]
pub struct FetchCoordinator {
    mac: Mac,
    head: String,
    body: String,
    me: u64,
    /// The time of the newest answer that this VM published, took over, or found unreadable.
    seen: Option<Timestamp>,
    next_look: Timestamp,
    /// Set while this VM fetches.
    leading: Option<Leading>,
    /// The number of consecutive writes that failed.
    missed: u32,
}

#[derive(Clone, Copy, Debug)]
struct Leading {
    renew_at: Timestamp,
    holds_lease: bool,
}

impl FetchCoordinator {
    /// Joins the coordination. `me` is unique to this VM.
    ///
    /// # Errors
    /// [`Unavailable`] if the host has no shared data.
    pub fn join(
        of: &str,
        me: u64,
        mac: &Mac,
        now: Timestamp,
        data: &dyn SharedData,
    ) -> Result<Self, Unavailable> {
        let coordinator = Self {
            head: mac.name(&format!("{of}/head")),
            body: mac.name(&format!("{of}/body")),
            mac: mac.clone(),
            me,
            seen: None,
            next_look: now,
            leading: None,
            missed: 0,
        };
        // A write to a missing entry cannot be made to fail if another VM writes first. The host
        // creates its first VM before all others, so they find the entry.
        if data.get(&coordinator.head)?.is_none() {
            coordinator.write(&Head::default(), 0, data)?;
        }
        Ok(coordinator)
    }

    /// Requests to fetch. `demanded`: a key is missing, so the fetch is unscheduled.
    pub fn ask(&mut self, demanded: bool, now: Timestamp, data: &dyn SharedData) -> Verdict {
        for _ in 0..MAX_TRIES {
            let Ok((mut head, cas)) = self.read(now, data) else {
                return self.lead(false, now);
            };
            if let Some(published) = self.newer(&head, now, data) {
                return Verdict::TakeOver(published);
            }
            if head.is_held_by_another(self.me, now) {
                return Verdict::Wait;
            }
            if head.is_set_back(demanded, now) {
                return Verdict::StandDown(head.backoff);
            }
            head.lease = Some(Lease::of(self.me, now));
            match self.write(&head, cas, data) {
                Ok(true) => return self.lead(true, now),
                Ok(false) => {}
                Err(Unavailable) => return self.lead(false, now),
            }
        }
        self.missed += 1;
        if self.missed < MAX_MISSED {
            Verdict::Wait
        } else {
            self.lead(false, now)
        }
    }

    /// Returns an answer of another VM that is newer than this VM's. Checks only at intervals.
    pub fn look(&mut self, now: Timestamp, data: &dyn SharedData) -> Option<Published> {
        let next = now.plus(CHECK_INTERVAL);
        // A clock that was set back must not prevent the check.
        if now < self.next_look && self.next_look <= next {
            return None;
        }
        self.next_look = next;
        let (head, _) = self.read(now, data).ok()?;
        self.newer(&head, now, data)
    }

    /// Renews the lease while this VM fetches. Must be called on every tick.
    pub fn renew(&mut self, now: Timestamp, data: &dyn SharedData) {
        let Some(leading) = self.leading.filter(|leading| leading.holds_lease) else {
            return;
        };
        if now < leading.renew_at {
            return;
        }
        let holds_lease = self.update(now, data, |own, head| {
            let is_ours = head.is_held_by(own.me);
            if is_ours {
                head.lease = Some(Lease::of(own.me, now));
            }
            is_ours
        });
        let renew_at = now.plus(RENEWAL_INTERVAL);
        self.leading = Some(Leading {
            renew_at,
            holds_lease,
        });
    }

    /// Publishes the result of this VM's fetch.
    pub fn end(&mut self, outcome: Outcome, now: Timestamp, data: &dyn SharedData) {
        self.leading = None;
        let (good, backoff) = match outcome {
            Outcome::Good(published, backoff) => {
                self.seen = self.seen.max(Some(published.at));
                let body = published.write();
                let body = body.map(|content| self.mac.close(&self.body, content));
                let is_there = body.is_some_and(|body| data.set(&self.body, &body, 0) == Ok(true));
                (is_there.then_some(published.at), backoff)
            }
            Outcome::Failed(backoff) => (None, backoff),
        };
        let seen = self.seen;
        self.update(now, data, |own, head| {
            if head.is_held_by(own.me) {
                head.lease = None;
            }
            head.backoff.cooldown_until = head.backoff.cooldown_until.max(backoff.cooldown_until);
            // Another VM has published a newer answer.
            let is_old = good.is_none() && head.fetched > seen;
            if !is_old {
                head.fetched = head.fetched.max(good);
                head.backoff.failures = backoff.failures;
                head.backoff.retry_at = backoff.retry_at;
            }
            true
        });
    }

    /// Removes the shared entries when the plugin ends. Other VMs have already taken over the
    /// answer.
    pub fn leave(&self, now: Timestamp, data: &dyn SharedData) {
        self.release(now, data);
        if let Ok(Some(body)) = data.get(&self.body)
            && !body.value.is_empty()
        {
            let _ = data.set(&self.body, &[], 0);
        }
    }

    /// Returns whether the answer that this VM last published or took over still exists.
    pub fn is_body_there(&self, data: &dyn SharedData) -> bool {
        data.get(&self.body)
            .is_ok_and(|body| body.is_some_and(|body| !body.value.is_empty()))
    }

    /// Gives up the lease when the plugin ends.
    pub fn release(&self, now: Timestamp, data: &dyn SharedData) {
        self.update(now, data, |own, head| {
            let is_ours = head.is_held_by(own.me);
            if is_ours {
                head.lease = None;
            }
            is_ours
        });
    }

    fn lead(&mut self, holds_lease: bool, now: Timestamp) -> Verdict {
        self.missed = 0;
        let renew_at = now.plus(RENEWAL_INTERVAL);
        self.leading = Some(Leading {
            renew_at,
            holds_lease,
        });
        Verdict::Fetch
    }

    fn newer(&mut self, head: &Head, now: Timestamp, data: &dyn SharedData) -> Option<Published> {
        let is_past = |time: &Timestamp| *time <= now.plus(CLOCK_SKEW);
        self.seen = self.seen.filter(is_past);
        let (fetched, before) = (head.fetched?, self.seen);
        if Some(fetched) <= before {
            return None;
        }
        // An answer that cannot be read is tried only once, because it will not become readable.
        self.seen = Some(fetched);
        let Entry { value, .. } = data.get(&self.body).ok()??;
        let published = Published::read(self.mac.open(&self.body, &value)?)?;
        let is_newer = Some(published.at) > before && is_past(&published.at);
        self.seen = self.seen.max(is_newer.then_some(published.at));
        is_newer.then_some(published)
    }

    /// Returns the head and its `cas`. A head that is not authentic counts as empty.
    fn read(&self, now: Timestamp, data: &dyn SharedData) -> Result<(Head, u32), Unavailable> {
        let Some(Entry { value, cas }) = data.get(&self.head)? else {
            return Ok((Head::default(), 0));
        };
        let content = self.mac.open(&self.head, &value);
        let head = content.and_then(|content| Head::read(content, now));
        Ok((head.unwrap_or_default(), cas))
    }

    fn write(&self, head: &Head, cas: u32, data: &dyn SharedData) -> Result<bool, Unavailable> {
        let value = self.mac.close(&self.head, head.write());
        data.set(&self.head, &value, cas)
    }

    /// Applies a change to the current head. Returns false if nothing changed or the write failed.
    fn update(
        &self,
        now: Timestamp,
        data: &dyn SharedData,
        change: impl Fn(&Self, &mut Head) -> bool,
    ) -> bool {
        for _ in 0..MAX_TRIES {
            let Ok((mut head, cas)) = self.read(now, data) else {
                return false;
            };
            if !change(self, &mut head) {
                return false;
            }
            match self.write(&head, cas, data) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(Unavailable) => return false,
            }
        }
        false
    }
}
