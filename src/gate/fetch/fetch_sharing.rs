//! Fetch sharing: one VM fetches on behalf of all. Fetches of keys and of lists of revocations pass through this module
//! before they are made, and are held back if another VM is fetching the same resource or has fetched it. Credentials
//! and service tokens are not shared, since a copy in the host's memory could not be wiped.

use crate::fetch::callout::Answer;
use crate::fetch::refresh::{Attempt, Refresh};
use crate::fetch::shared::SharedFetch;
use crate::gate::fetch::answers::Origin;
use crate::gate::fetch::shared_resource::SharedResource;
use crate::gate::{Call, Gate, Notice};
use crate::keys::issuer_keys::IssuerKeys;
use crate::revocation::directory::{ALL_PIECES, DirectoryList, Manifest};
use crate::sharing::{
    FetchCoordinator, Outcome, Pieces, Published, SharedData, Unavailable, Verdict,
};
use crate::time::Timestamp;
use log::Level;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// The resources whose fetches are shared.
#[derive(Debug, Default)]
pub struct Sharing(Vec<Shared>);

#[derive(Debug)]
struct Shared {
    resource: SharedResource,
    coordinator: FetchCoordinator,
    /// The shared content, if it is shared in pieces.
    pieces: Option<Pieces>,
    /// The call of this VM that is held back while another VM fetches.
    held: Option<Call>,
    /// The fetch that this VM makes on behalf of all.
    led: Option<Led>,
}

#[derive(Debug)]
struct Led {
    attempt: Attempt,
    /// The successful answers so far.
    bodies: Vec<Vec<u8>>,
    /// Whether the fetch succeeded, and when it ended.
    ended: Option<(bool, Timestamp)>,
}

impl Sharing {
    /// Keeps a successful answer to a fetch of this VM for the other VMs.
    pub(in crate::gate) fn keep(
        &mut self,
        resource: SharedResource,
        attempt: Attempt,
        answer: &Answer,
    ) {
        if let Some(led) = self.led(resource, attempt)
            && let Answer::Response { status: 200, body } = answer
        {
            led.bodies.push(body.clone());
        }
    }

    /// Notes that a fetch of this VM has ended.
    pub(in crate::gate) fn ended(
        &mut self,
        resource: SharedResource,
        attempt: Attempt,
        good: bool,
        now: Timestamp,
    ) {
        if let Some(led) = self.led(resource, attempt) {
            led.ended = Some((good, now));
        }
    }

    fn led(&mut self, resource: SharedResource, attempt: Attempt) -> Option<&mut Led> {
        let shared = self
            .0
            .iter_mut()
            .find(|shared| shared.resource == resource)?;
        shared.led.as_mut().filter(|led| led.attempt == attempt)
    }
}

impl Gate {
    /// Begins to share fetches and the export with the other VMs of the `vm_id`; [`Gate::share`] does the
    /// work. `data` is `None` if the host has no shared data.
    pub fn join(&mut self, vm_id: &[u8], data: Option<&dyn SharedData>, now: Timestamp) {
        let data = match data {
            None => Err("this host has no shared data"),
            Some(_) if vm_id.is_empty() => Err("vm_id is empty; set a unique vm_id"),
            Some(data) => Ok(data),
        };
        // The standard library keys the hasher with random numbers, so the value differs between VMs.
        let me = RandomState::new().hash_one("VM");
        let refused = |Unavailable| "the host refuses access to shared data";
        let fetches = data.and_then(|data| self.join_fetches(me, now, data).map_err(refused));
        let exports = data.and_then(|data| self.join_mailbox(me, data).map_err(refused));
        let unshared = [
            ("fetches keys and lists of revocations", fetches.err()),
            ("exports its audit records", exports.err()),
        ];
        let wanted = [!self.fetched().is_empty(), self.exporter.is_some()];
        for ((action, reason), _) in unshared.into_iter().zip(wanted).filter(|(_, is)| *is) {
            let text = reason.map(|reason| format!("each worker {action} independently: {reason}"));
            let log = text.map(|text| Notice::Log(Level::Info, text));
            self.notices.extend(log);
        }
    }

    fn fetched(&self) -> Vec<SharedResource> {
        let fetched = |(index, ring): (usize, &IssuerKeys)| {
            ring.schedule().map(|_| SharedResource::Keys(index))
        };
        let keys = self.issuer_keys.iter().enumerate().filter_map(fetched);
        let feed = self.revocation.feed.as_ref().map(|_| SharedResource::Feed);
        let lists = (0..self.revocation.directories.len()).map(SharedResource::Directory);
        keys.chain(feed).chain(lists).collect()
    }

    fn join_fetches(
        &mut self,
        me: u64,
        now: Timestamp,
        data: &dyn SharedData,
    ) -> Result<(), Unavailable> {
        let join = |resource: SharedResource| {
            let mac = match resource {
                SharedResource::Keys(_) | SharedResource::Feed => &self.config.shared_mac,
                SharedResource::Directory(_) => &self.config.directory_mac,
            };
            let name = self.name_of(resource);
            let pieces = match resource {
                SharedResource::Keys(_) | SharedResource::Feed => None,
                SharedResource::Directory(_) => Some(Pieces::join(&name, me, mac, data)?),
            };
            let coordinator = FetchCoordinator::join(&name, me, mac, now, data)?;
            Ok(Shared {
                resource,
                coordinator,
                pieces,
                held: None,
                led: None,
            })
        };
        let joined: Result<Vec<_>, Unavailable> = self.fetched().into_iter().map(join).collect();
        self.sharing = Sharing(joined?);
        Ok(())
    }

    /// Returns a resource's name, the same in all VMs that share it.
    fn name_of(&self, resource: SharedResource) -> String {
        match resource {
            SharedResource::Keys(ring) => format!("keys/{ring}"),
            SharedResource::Feed => "revocation".to_owned(),
            SharedResource::Directory(index) => {
                let list = self.revocation.directories.get(index);
                let name = |list: &DirectoryList| {
                    let (issuer, collection) = (&list.source().issuer, list.collection());
                    format!("directory/{issuer}/{}", collection.name())
                };
                list.map_or_else(String::new, name)
            }
        }
    }

    /// Coordinates fetches and the export with the other VMs. Must be called before each
    /// [`Gate::take_calls`].
    pub fn share(&mut self, now: Timestamp, data: &dyn SharedData) {
        let mut sharing = std::mem::take(&mut self.sharing);
        for shared in &mut sharing.0 {
            self.hold_back(shared);
            self.continue_led(shared, now, data);
            self.settle(shared, now, data);
        }
        self.sharing = sharing;
        self.share_export(now, data);
    }

    /// Ends the sharing of fetches when the plugin shuts down.
    pub fn leave(&mut self, now: Timestamp, data: &dyn SharedData) {
        for shared in std::mem::take(&mut self.sharing).0 {
            match &shared.pieces {
                None => shared.coordinator.leave(now, data),
                Some(pieces) if pieces.joined_last(data) => {
                    shared.coordinator.leave(now, data);
                    pieces.remove(ALL_PIECES, data);
                }
                Some(_) => shared.coordinator.release(now, data),
            }
        }
    }

    /// Holds back a new fetch until it is coordinated.
    fn hold_back(&mut self, shared: &mut Shared) {
        let led = shared.led.as_ref().map(|led| led.attempt);
        let is_new = |call: &mut Call| {
            SharedResource::fetched_by(call.call_id).is_some_and(|(resource, attempt)| {
                resource == shared.resource && led != Some(attempt)
            })
        };
        // There is at most one call, since each resource has at most one fetch in flight.
        if let Some(call) = self.calls.extract_if(.., is_new).last() {
            shared.held = Some(call);
        }
    }

    /// Renews the lease of this VM's fetch, or publishes its outcome.
    fn continue_led(&mut self, shared: &mut Shared, now: Timestamp, data: &dyn SharedData) {
        let Some(led) = &mut shared.led else { return };
        let Some(refresh) = self.refresh(shared.resource) else {
            return;
        };
        let backoff = refresh.backoff();
        let outcome = match (led.ended, shared.resource) {
            (Some((true, at)), SharedResource::Directory(index)) => {
                match self.publish(index, shared, data) {
                    Some(manifest) => {
                        let bodies = vec![manifest];
                        Outcome::Good(Published { at, bodies }, backoff)
                    }
                    None => Outcome::Failed(backoff),
                }
            }
            (Some((true, at)), SharedResource::Keys(_) | SharedResource::Feed) => {
                let bodies = std::mem::take(&mut led.bodies);
                Outcome::Good(Published { at, bodies }, backoff)
            }
            (None, _) if refresh.is_under_way(led.attempt) => {
                shared.coordinator.renew(now, data);
                return;
            }
            // A fetch without an outcome was abandoned.
            (Some((false, _)) | None, _) => Outcome::Failed(backoff),
        };
        shared.coordinator.end(outcome, now, data);
        shared.led = None;
    }

    /// Publishes the pieces of a list that changed, and returns its manifest.
    fn publish(&mut self, index: usize, shared: &Shared, data: &dyn SharedData) -> Option<Vec<u8>> {
        let list = self.revocation.directories.get_mut(index)?;
        let pieces = shared.pieces.as_ref()?;
        if !shared.coordinator.is_body_there(data) {
            list.unshare();
        }
        for piece in list.unshared() {
            let tag = pieces.put(piece.id, piece.content, data)?;
            list.note_shared(piece.id, tag);
        }
        list.manifest()
    }

    /// Releases a held fetch, or takes over the answer that another VM has published.
    fn settle(&mut self, shared: &mut Shared, now: Timestamp, data: &dyn SharedData) {
        let Some(call) = shared.held.take() else {
            if shared.led.is_none()
                && let Some(published) = shared.coordinator.look(now, data)
                && let Some(fetch) = self.fetch_mut(shared.resource)
                && let Some(attempt) = fetch.take_over(now)
            {
                self.take_over(shared, attempt, published, now, data);
            }
            return;
        };
        let Some((resource, attempt)) = SharedResource::fetched_by(call.call_id) else {
            return;
        };
        let refresh = self.refresh(resource);
        let Some(refresh) = refresh.filter(|refresh| refresh.is_under_way(attempt)) else {
            return;
        };
        match shared
            .coordinator
            .ask(refresh.is_demanded(attempt), now, data)
        {
            Verdict::Fetch => {
                if let Some(fetch) = self.fetch_mut(resource) {
                    fetch.sent(attempt, now);
                }
                shared.led = Some(Led {
                    attempt,
                    bodies: Vec::new(),
                    ended: None,
                });
                self.calls.push(call);
            }
            Verdict::Wait => shared.held = Some(call),
            Verdict::TakeOver(published) => self.take_over(shared, attempt, published, now, data),
            Verdict::StandDown(backoff) => {
                let fetch = self.fetch_mut(resource);
                let stands_down =
                    fetch.is_some_and(|fetch| fetch.stand_down(attempt, backoff, now));
                self.wake(stands_down.then(|| resource.dependency()));
            }
        }
    }

    fn refresh(&self, resource: SharedResource) -> Option<&Refresh> {
        let fetch: &dyn SharedFetch = match resource {
            SharedResource::Keys(ring) => self.issuer_keys.get(ring)?,
            SharedResource::Feed => self.revocation.feed.as_ref()?,
            SharedResource::Directory(index) => self.revocation.directories.get(index)?,
        };
        fetch.schedule()
    }

    fn fetch_mut(&mut self, resource: SharedResource) -> Option<&mut dyn SharedFetch> {
        let fetch: &mut dyn SharedFetch = match resource {
            SharedResource::Keys(ring) => self.issuer_keys.get_mut(ring)?,
            SharedResource::Feed => self.revocation.feed.as_mut()?,
            SharedResource::Directory(index) => self.revocation.directories.get_mut(index)?,
        };
        Some(fetch)
    }

    /// Takes over an answer as if this VM had received it, with the time at which the other VM received it.
    fn take_over(
        &mut self,
        shared: &Shared,
        attempt: Attempt,
        found: Published,
        now: Timestamp,
        data: &dyn SharedData,
    ) {
        let (at, bodies) = (found.at.min(now), found.bodies);
        let dependency = match shared.resource {
            SharedResource::Keys(index) => {
                let Some(ring) = self.issuer_keys.get_mut(index) else {
                    return;
                };
                let progress = ring.taken_over(attempt, bodies, at);
                self.keys_progressed(index, progress, Origin::Shared)
            }
            SharedResource::Feed => {
                let Some(feed) = &mut self.revocation.feed else {
                    return;
                };
                let body = bodies.into_iter().next().unwrap_or_default();
                let status = 200;
                let progress = feed.answered(attempt, Answer::Response { status, body }, at);
                self.feed_progressed(progress, Origin::Shared)
            }
            SharedResource::Directory(index) => {
                let Some(list) = self.revocation.directories.get_mut(index) else {
                    return;
                };
                let manifest = bodies.first().and_then(|body| Manifest::read(body));
                let read = |id, tag| shared.pieces.as_ref()?.get(id, tag, data);
                let progress = list.taken_over(attempt, manifest, at, read);
                self.list_progressed(index, progress, Origin::Shared, now)
            }
        };
        self.wake(dependency);
    }
}
