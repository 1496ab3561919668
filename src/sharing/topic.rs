//! One shared thing as one VM sees it: whether to fetch it, to wait for another's fetch, or to take
//! over what another has fetched.

use super::head::Head;
use super::lease::{Lease, MOST_TRIES, RENEWAL, SLACK};
use super::published::Published;
use super::{Entry, SharedData, Unavailable};
use crate::fetch::refresh::Backoff;
use crate::sharing::mac::Mac;
use crate::time::Timestamp;
use std::time::Duration;

/// Between two looks at what others have fetched, while nothing is needed.
const LOOK: Duration = Duration::from_millis(500);
/// At so many ticks in a row it is tried; then we fetch whoever else does.
const MOST_MISSED: u32 = 20;

/// What became of wanting to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Fetch; [`FetchCoordinator::end`] is to follow.
    Fetch,
    /// Another fetches; ask again at the next tick.
    Wait,
    /// Another has fetched it.
    TakeOver(Published),
    /// Another has just tried, and it is too soon to try again.
    StandDown(Backoff),
}

/// How our own fetch has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Good(Published, Backoff),
    Failed(Backoff),
}

#[derive(Debug)]
pub struct FetchCoordinator {
    seal: Mac,
    head: String,
    body: String,
    me: u64,
    /// The newest answer that was ours, taken over, or found unreadable.
    seen: Option<Timestamp>,
    next_look: Timestamp,
    /// While a fetch of ours is under way.
    leading: Option<Leading>,
    /// How often in a row no write of ours was in time.
    missed: u32,
}

#[derive(Clone, Copy, Debug)]
struct Leading {
    renew_at: Timestamp,
    holds_lease: bool,
}

impl FetchCoordinator {
    /// `me`: tells this VM from all others.
    ///
    /// # Errors
    /// The host has no shared data.
    pub fn join(
        of: &str,
        me: u64,
        seal: &Mac,
        now: Timestamp,
        data: &dyn SharedData,
    ) -> Result<Self, Unavailable> {
        let topic = Self {
            head: seal.name(&format!("{of}/head")),
            body: seal.name(&format!("{of}/body")),
            seal: seal.clone(),
            me,
            seen: None,
            next_look: now,
            leading: None,
            missed: 0,
        };
        // A write on what is not there can't be made to fail if another comes first. The host makes its
        // first VM before all others, so that they find it there.
        if data.get(&topic.head)?.is_none() {
            topic.write(&Head::default(), 0, data)?;
        }
        Ok(topic)
    }

    /// A fetch is wanted; `demanded`: out of turn, for a key that we do not have.
    pub fn ask(&mut self, demanded: bool, now: Timestamp, data: &dyn SharedData) -> Verdict {
        for _ in 0..MOST_TRIES {
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
        match self.missed < MOST_MISSED {
            true => Verdict::Wait,
            false => self.lead(false, now),
        }
    }

    /// Something newer than ours, if others have it; looks now and then only.
    pub fn look(&mut self, now: Timestamp, data: &dyn SharedData) -> Option<Published> {
        let next = now.plus(LOOK);
        // A clock that was set back must not keep us from looking.
        if now < self.next_look && self.next_look <= next {
            return None;
        }
        self.next_look = next;
        let (head, _) = self.read(now, data).ok()?;
        self.newer(&head, now, data)
    }

    /// Our fetch is still under way; at every tick.
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
        let renew_at = now.plus(RENEWAL);
        self.leading = Some(Leading {
            renew_at,
            holds_lease,
        });
    }

    /// Our fetch has ended: the others learn how.
    pub fn end(&mut self, outcome: Outcome, now: Timestamp, data: &dyn SharedData) {
        self.leading = None;
        let (good, backoff) = match outcome {
            Outcome::Good(published, backoff) => {
                self.seen = self.seen.max(Some(published.at));
                let body = published.write();
                let body = body.map(|content| self.seal.close(&self.body, content));
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
            // Another has done better meanwhile.
            let is_old = good.is_none() && head.fetched > seen;
            if !is_old {
                head.fetched = head.fetched.max(good);
                head.backoff.failures = backoff.failures;
                head.backoff.retry_at = backoff.retry_at;
            }
            true
        });
    }

    /// The plugin goes: what is shared of it need not stay. Others that still go have it already.
    pub fn leave(&self, now: Timestamp, data: &dyn SharedData) {
        self.update(now, data, |own, head| {
            let is_ours = head.is_held_by(own.me);
            if is_ours {
                head.lease = None;
            }
            is_ours
        });
        if let Ok(Some(body)) = data.get(&self.body)
            && !body.value.is_empty()
        {
            let _ = data.set(&self.body, &[], 0);
        }
    }

    fn lead(&mut self, holds_lease: bool, now: Timestamp) -> Verdict {
        self.missed = 0;
        let renew_at = now.plus(RENEWAL);
        self.leading = Some(Leading {
            renew_at,
            holds_lease,
        });
        Verdict::Fetch
    }

    fn newer(&mut self, head: &Head, now: Timestamp, data: &dyn SharedData) -> Option<Published> {
        let is_past = |time: &Timestamp| *time <= now.plus(SLACK);
        self.seen = self.seen.filter(is_past);
        let (told, before) = (head.fetched?, self.seen);
        if Some(told) <= before {
            return None;
        }
        // Once only: what can't be read now will not be readable later.
        self.seen = Some(told);
        let Entry { value, .. } = data.get(&self.body).ok()??;
        let published = Published::read(self.seal.open(&self.body, &value)?)?;
        let is_newer = Some(published.at) > before && is_past(&published.at);
        self.seen = self.seen.max(is_newer.then_some(published.at));
        is_newer.then_some(published)
    }

    /// The head and its `cas`; what is not ours counts as nothing.
    fn read(&self, now: Timestamp, data: &dyn SharedData) -> Result<(Head, u32), Unavailable> {
        let Some(Entry { value, cas }) = data.get(&self.head)? else {
            return Ok((Head::default(), 0));
        };
        let content = self.seal.open(&self.head, &value);
        let head = content.and_then(|content| Head::read(content, now));
        Ok((head.unwrap_or_default(), cas))
    }

    fn write(&self, head: &Head, cas: u32, data: &dyn SharedData) -> Result<bool, Unavailable> {
        let value = self.seal.close(&self.head, head.write());
        data.set(&self.head, &value, cas)
    }

    /// Changes the head as it is by then. False: there was nothing to change, or no getting at it.
    fn update(
        &self,
        now: Timestamp,
        data: &dyn SharedData,
        change: impl Fn(&Self, &mut Head) -> bool,
    ) -> bool {
        for _ in 0..MOST_TRIES {
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
