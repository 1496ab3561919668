//! One fetch for all VMs: what fetches keys or the revocation feed passes here before it goes out, and
//! is held back where another VM fetches the same, or has. Credentials and tokens of our own are not
//! shared: a copy in the host's memory could not be wiped.

use crate::fetch::callout::Answer;
use crate::fetch::refresh::{Attempt, Backoff, Refresh};
use crate::gate::fetch::answers::{CallId, Origin};
use crate::gate::request::pending::Dependency;
use crate::gate::{Call, Gate, Notice};
use crate::keys::issuer_keys::IssuerKeys;
use crate::sharing::{FetchCoordinator, Outcome, Published, SharedData, Unavailable, Verdict};
use crate::time::Timestamp;
use log::Level;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Each thing that is fetched, where fetches are shared.
#[derive(Debug, Default)]
pub struct Sharing(Vec<Shared>);

#[derive(Debug)]
struct Shared {
    thing: SharedResource,
    topic: FetchCoordinator,
    /// Begun as far as we are concerned, while another fetches.
    held: Option<Call>,
    /// Our fetch, for all.
    led: Option<Led>,
}

#[derive(Debug)]
struct Led {
    attempt: Attempt,
    /// The good answers so far.
    bodies: Vec<Vec<u8>>,
    /// Whether it has ended well, and when.
    ended: Option<(bool, Timestamp)>,
}

/// What can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedResource {
    /// The keys of that ring.
    Keys(usize),
    Feed,
}

impl SharedResource {
    fn fetched_by(ticket: CallId) -> Option<(Self, Attempt)> {
        match ticket {
            CallId::Keys { ring, attempt, .. } => Some((Self::Keys(ring), attempt)),
            CallId::Revocation(attempt) => Some((Self::Feed, attempt)),
            CallId::Export(_)
            | CallId::Lease { .. }
            | CallId::Credential(_)
            | CallId::Groups { .. } => None,
        }
    }

    /// What the VMs of one configuration call it.
    fn name(self) -> String {
        match self {
            Self::Keys(ring) => format!("keys/{ring}"),
            Self::Feed => "revocation".to_owned(),
        }
    }

    fn dependency(self) -> Dependency {
        match self {
            Self::Keys(ring) => Dependency::Keys(ring),
            Self::Feed => Dependency::Revocation,
        }
    }
}

impl Sharing {
    /// The good answer to a call of a fetch of ours is kept for the others.
    pub(in crate::gate) fn keep(
        &mut self,
        thing: SharedResource,
        attempt: Attempt,
        answer: &Answer,
    ) {
        if let Some(led) = self.led(thing, attempt)
            && let Answer::Response { status: 200, body } = answer
        {
            led.bodies.push(body.clone());
        }
    }

    /// A fetch of ours has ended.
    pub(in crate::gate) fn ended(
        &mut self,
        thing: SharedResource,
        attempt: Attempt,
        good: bool,
        now: Timestamp,
    ) {
        if let Some(led) = self.led(thing, attempt) {
            led.ended = Some((good, now));
        }
    }

    fn led(&mut self, thing: SharedResource, attempt: Attempt) -> Option<&mut Led> {
        let shared = self.0.iter_mut().find(|shared| shared.thing == thing)?;
        shared.led.as_mut().filter(|led| led.attempt == attempt)
    }
}

impl Gate {
    /// From now on fetches are shared with the other VMs of that `vm_id`, by [`Gate::share`], and one of
    /// them exports for all. `data`: none where the host is known to have none.
    pub fn join(&mut self, vm_id: &[u8], data: Option<&dyn SharedData>, now: Timestamp) {
        let data = match data {
            None => Err("this host has no shared data for it"),
            Some(_) if vm_id.is_empty() => {
                Err("its vm_id is empty; give it one that nobody else has")
            }
            Some(data) => Ok(data),
        };
        // Keyed at random by the standard library: another in each VM.
        let me = RandomState::new().hash_one("VM");
        let refused = |Unavailable| "the host refuses it shared data";
        let fetches = data.and_then(|data| self.join_topics(me, now, data).map_err(refused));
        let exports = data.and_then(|data| self.join_spool(me, data).map_err(refused));
        let alone = [
            ("fetches keys and the revocation feed", fetches.err()),
            ("exports its audit records", exports.err()),
        ];
        let wanted = [!self.fetched().is_empty(), self.exporter.is_some()];
        for ((what, why_not), _) in alone.into_iter().zip(wanted).filter(|(_, is)| *is) {
            let text = why_not.map(|why_not| format!("each worker {what} for itself: {why_not}"));
            let log = text.map(|text| Notice::Log(Level::Info, text));
            self.notices.extend(log);
        }
    }

    fn fetched(&self) -> Vec<SharedResource> {
        let fetched = |(index, ring): (usize, &IssuerKeys)| {
            ring.refresh().map(|_| SharedResource::Keys(index))
        };
        let keys = self.issuer_keys.iter().enumerate().filter_map(fetched);
        let feed = self.revocation.as_ref().map(|_| SharedResource::Feed);
        keys.chain(feed).collect()
    }

    fn join_topics(
        &mut self,
        me: u64,
        now: Timestamp,
        data: &dyn SharedData,
    ) -> Result<(), Unavailable> {
        let join = |thing: SharedResource| {
            let topic = FetchCoordinator::join(&thing.name(), me, &self.config.seal, now, data)?;
            Ok(Shared {
                thing,
                topic,
                held: None,
                led: None,
            })
        };
        let joined: Result<Vec<_>, Unavailable> = self.fetched().into_iter().map(join).collect();
        self.sharing = Sharing(joined?);
        Ok(())
    }

    /// Settles with the other VMs who fetches and who exports what; to be called before [`Gate::take_calls`], each time.
    pub fn share(&mut self, now: Timestamp, data: &dyn SharedData) {
        let mut sharing = std::mem::take(&mut self.sharing);
        for shared in &mut sharing.0 {
            self.hold_back(shared);
            self.go_on(shared, now, data);
            self.settle(shared, now, data);
        }
        self.sharing = sharing;
        self.share_export(now, data);
    }

    /// The plugin goes, and what it shares of its fetches with it.
    pub fn leave(&mut self, now: Timestamp, data: &dyn SharedData) {
        for shared in std::mem::take(&mut self.sharing).0 {
            shared.topic.leave(now, data);
        }
    }

    /// Holds back a fetch that has not been settled yet.
    fn hold_back(&mut self, shared: &mut Shared) {
        let led = shared.led.as_ref().map(|led| led.attempt);
        let is_new = |call: &mut Call| {
            SharedResource::fetched_by(call.ticket)
                .is_some_and(|(thing, attempt)| thing == shared.thing && led != Some(attempt))
        };
        // One at most: each thing has a single fetch in flight.
        if let Some(call) = self.calls.extract_if(.., is_new).last() {
            shared.held = Some(call);
        }
    }

    /// Goes on with a fetch of ours, or tells how it has ended.
    fn go_on(&mut self, shared: &mut Shared, now: Timestamp, data: &dyn SharedData) {
        let Some(led) = &mut shared.led else { return };
        let Some(refresh) = self.refresh(shared.thing) else {
            return;
        };
        let backoff = refresh.backoff();
        let outcome = match led.ended {
            Some((true, at)) => {
                let bodies = std::mem::take(&mut led.bodies);
                Outcome::Good(Published { at, bodies }, backoff)
            }
            None if refresh.is_under_way(led.attempt) => {
                shared.topic.renew(now, data);
                return;
            }
            // Without an end it was given up.
            Some((false, _)) | None => Outcome::Failed(backoff),
        };
        shared.topic.end(outcome, now, data);
        shared.led = None;
    }

    /// Lets a fetch go out, or takes over what others have found.
    fn settle(&mut self, shared: &mut Shared, now: Timestamp, data: &dyn SharedData) {
        let Some(call) = shared.held.take() else {
            if shared.led.is_none()
                && let Some(published) = shared.topic.look(now, data)
                && let Some(attempt) = self.begin_take_over(shared.thing, now)
            {
                self.take_over(shared.thing, attempt, published, now);
            }
            return;
        };
        let Some((thing, attempt)) = SharedResource::fetched_by(call.ticket) else {
            return;
        };
        let refresh = self.refresh(thing);
        let Some(refresh) = refresh.filter(|refresh| refresh.is_under_way(attempt)) else {
            return;
        };
        match shared.topic.ask(refresh.is_demanded(attempt), now, data) {
            Verdict::Fetch => {
                self.sent(thing, attempt, now);
                shared.led = Some(Led {
                    attempt,
                    bodies: Vec::new(),
                    ended: None,
                });
                self.calls.push(call);
            }
            Verdict::Wait => shared.held = Some(call),
            Verdict::TakeOver(published) => self.take_over(thing, attempt, published, now),
            Verdict::StandDown(backoff) => self.stand_down(thing, attempt, backoff, now),
        }
    }

    fn refresh(&self, thing: SharedResource) -> Option<&Refresh> {
        match thing {
            SharedResource::Keys(ring) => self.issuer_keys.get(ring)?.refresh(),
            SharedResource::Feed => Some(self.revocation.as_ref()?.refresh()),
        }
    }

    fn sent(&mut self, thing: SharedResource, attempt: Attempt, now: Timestamp) {
        match (thing, &mut self.revocation) {
            (SharedResource::Keys(ring), _) => {
                let ring = self.issuer_keys.get_mut(ring);
                ring.into_iter().for_each(|ring| ring.sent(attempt, now));
            }
            (SharedResource::Feed, feed) => {
                feed.iter_mut().for_each(|feed| feed.sent(attempt, now))
            }
        }
    }

    fn begin_take_over(&mut self, thing: SharedResource, now: Timestamp) -> Option<Attempt> {
        match thing {
            SharedResource::Keys(ring) => self.issuer_keys.get_mut(ring)?.take_over(now),
            SharedResource::Feed => self.revocation.as_mut()?.take_over(now),
        }
    }

    /// What another has fetched counts as if it had been answered to us, at the time it came there.
    fn take_over(
        &mut self,
        thing: SharedResource,
        attempt: Attempt,
        found: Published,
        now: Timestamp,
    ) {
        let (at, bodies) = (found.at.min(now), found.bodies);
        let dependency = match thing {
            SharedResource::Keys(index) => {
                let Some(ring) = self.issuer_keys.get_mut(index) else {
                    return;
                };
                let progress = ring.taken_over(attempt, bodies, at);
                self.keys_progressed(index, progress, Origin::Shared)
            }
            SharedResource::Feed => {
                let Some(feed) = &mut self.revocation else {
                    return;
                };
                let body = bodies.into_iter().next().unwrap_or_default();
                let status = 200;
                let progress = feed.answered(attempt, Answer::Response { status, body }, at);
                self.feed_progressed(progress, Origin::Shared)
            }
        };
        self.wake(dependency);
    }

    fn stand_down(
        &mut self,
        thing: SharedResource,
        attempt: Attempt,
        other: Backoff,
        now: Timestamp,
    ) {
        let stands_down = match thing {
            SharedResource::Keys(ring) => {
                let ring = self.issuer_keys.get_mut(ring);
                ring.is_some_and(|ring| ring.stand_down(attempt, other, now))
            }
            SharedResource::Feed => {
                let feed = self.revocation.as_mut();
                feed.is_some_and(|feed| feed.stand_down(attempt, other, now))
            }
        };
        self.wake(stands_down.then(|| thing.dependency()));
    }
}
