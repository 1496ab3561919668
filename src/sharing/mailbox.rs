//! A mailbox in shared data, through which the VMs of a host pass data to the one VM that delivers it. It has a fixed
//! number of slots, each empty or full, and a lease that determines the delivering VM.
//!
//! Content stays in its slot until it is delivered, so nothing is lost if the delivering VM crashes: the next holder of
//! the lease finds the content. The number of slots is fixed, so content need not be counted. (The host's shared queues
//! are unbounded and do not report a length, and reading an item removes it.)

use crate::sharing::lease::{LEASE_DURATION, Lease, MAX_TRIES, RENEWAL_INTERVAL};
use crate::sharing::mac::Mac;
use crate::sharing::{Entry, SharedData, Unavailable};
use crate::time::Timestamp;
use std::time::Duration;

const SLOTS: usize = 64;
/// The maximum size of the content of one slot, in bytes.
pub const SLOT_BYTES: usize = 32 * 1024;
/// The maximum number of bytes that a MAC adds to content.
const OVERHEAD: usize = 64;
/// The time before the end of a lease in which its holder starts nothing new, because another VM takes the lease when
/// it ends.
const MARGIN: Duration = Duration::from_millis(500);
/// Time between two reads of the slots.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// Maximum number of slots that are tried for an empty one.
const PROBES: usize = 8;
/// The pause after no empty slot was found. Without this pause, each attempt would copy full slots.
const PAUSE: Duration = Duration::from_millis(250);
/// After this many failed attempts to take a free lease, half a second apart, the VM delivers
/// without the mailbox.
const MAX_MISSED: u32 = 6;

/// The role of this VM in delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This VM delivers for all VMs.
    Lead,
    /// Another VM delivers.
    Follow,
    /// Each VM delivers its own data, because shared data does not work.
    Independent,
}

#[derive(Debug)]
pub struct Mailbox {
    mac: Mac,
    lease: String,
    slots: Vec<Slot>,
    me: u64,
    role: Role,
    leads_until: Timestamp,
    next_turn: Option<Timestamp>,
    next_look: Option<Timestamp>,
    next_put: Option<Timestamp>,
    /// The slot where the search for an empty slot starts.
    first: usize,
    missed: u32,
}

#[derive(Debug)]
struct Slot {
    name: String,
    /// The slot's `cas` value when its content was taken.
    taken: Option<u32>,
}

impl Mailbox {
    /// Opens the mailbox. `me` is unique to this VM.
    ///
    /// # Errors
    /// [`Unavailable`] if the host has no shared data.
    pub fn join(me: u64, mac: &Mac, data: &dyn SharedData) -> Result<Self, Unavailable> {
        let slot = |index| Slot {
            name: mac.name(&format!("mailbox/{index}")),
            taken: None,
        };
        let mailbox = Self {
            lease: mac.name("mailbox/lease"),
            slots: (0..SLOTS).map(slot).collect(),
            mac: mac.clone(),
            me,
            role: Role::Follow,
            leads_until: Timestamp::from_millis(0),
            next_turn: None,
            next_look: None,
            next_put: None,
            first: usize::try_from(me % SLOTS as u64).unwrap_or_default(),
            missed: 0,
        };
        // A write to a missing entry cannot be made to fail if another VM writes first. The host
        // creates its first VM before all others, so they find the entry.
        if data.get(&mailbox.lease)?.is_none() {
            for Slot { name, .. } in &mailbox.slots {
                if data.get(name)?.is_none() {
                    data.set(name, &[], 0)?;
                }
            }
            mailbox.write_lease(None, 0, data)?;
        }
        Ok(mailbox)
    }

    /// Returns this VM's role. Must be called on every tick, because it renews the lease or takes a
    /// free one.
    pub fn turn(&mut self, now: Timestamp, data: &dyn SharedData) -> Role {
        if !is_ahead(self.next_turn, RENEWAL_INTERVAL, now) {
            self.next_turn = Some(now.plus(RENEWAL_INTERVAL));
            self.role = self.contend(now, data);
        }
        let role = match self.role {
            Role::Lead if !self.leads(now) => Role::Follow,
            role => role,
        };
        if role != Role::Lead {
            self.slots.iter_mut().for_each(|slot| slot.taken = None);
        }
        role
    }

    /// Returns whether this VM may start to deliver content of the slots.
    pub fn leads(&self, now: Timestamp) -> bool {
        self.role == Role::Lead && is_ahead(Some(self.leads_until), LEASE_DURATION, now)
    }

    /// Returns whether this VM delivers its own data.
    pub fn delivers(&self, now: Timestamp) -> bool {
        self.role == Role::Independent || self.leads(now)
    }

    /// Makes the lease and the slots due for a check immediately.
    pub fn hurry(&mut self) {
        (self.next_turn, self.next_look) = (None, None);
    }

    /// Returns whether a handover is likely to succeed: there was room recently.
    pub fn accepts(&self, now: Timestamp) -> bool {
        !is_ahead(self.next_put, PAUSE, now)
    }

    /// Puts content into an empty slot. Returns false if there is no room.
    pub fn put(&mut self, content: &[u8], now: Timestamp, data: &dyn SharedData) -> bool {
        for index in (self.first..self.first.saturating_add(PROBES)).map(|at| at % SLOTS) {
            let name = self.slots.get(index).map(|slot| slot.name.as_str());
            let Some((name, Ok(Some(entry)))) = name.map(|name| (name, data.get(name))) else {
                continue;
            };
            if !entry.value.is_empty() {
                continue;
            }
            let value = self.mac.close(name, content.to_vec());
            if data.set(name, &value, entry.cas) == Ok(true) {
                self.first = index.saturating_add(1);
                return true;
            }
        }
        self.first = self.first.saturating_add(PROBES) % SLOTS;
        self.next_put = Some(now.plus(PAUSE));
        false
    }

    /// Returns new content of the slots with the slot's index. Only the lead calls it. The content
    /// stays in its slot until [`Mailbox::keep`]. Slots are read only at intervals.
    pub fn take(&mut self, now: Timestamp, data: &dyn SharedData) -> Vec<(usize, Vec<u8>)> {
        if is_ahead(self.next_look, CHECK_INTERVAL, now) {
            return Vec::new();
        }
        self.next_look = Some(now.plus(CHECK_INTERVAL));
        let mut found = Vec::new();
        let open = self.slots.iter_mut().enumerate();
        for (index, slot) in open.filter(|(_, slot)| slot.taken.is_none()) {
            let Ok(Some(Entry { value, cas })) = data.get(&slot.name) else {
                continue;
            };
            let is_sane = value.len() <= SLOT_BYTES.saturating_add(OVERHEAD);
            match self.mac.open(&slot.name, &value).filter(|_| is_sane) {
                Some(content) => {
                    slot.taken = Some(cas);
                    found.push((index, content.to_vec()));
                }
                None if value.is_empty() => {}
                // The content is not authentic, but the slot belongs to this mailbox, so it is emptied.
                None => drop(data.set(&slot.name, &[], cas)),
            }
        }
        found
    }

    /// Reduces a slot's content to the part that is still to be delivered. If the part is empty,
    /// the slot is free again.
    pub fn keep(&mut self, index: usize, rest: Vec<u8>, data: &dyn SharedData) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Some(cas) = slot.taken.take() else { return };
        let is_done = rest.is_empty();
        let value = if is_done {
            Vec::new()
        } else {
            self.mac.close(&slot.name, rest)
        };
        // Only the lead writes full slots, so the `cas` is still that of its own write.
        if data.set(&slot.name, &value, cas) == Ok(true)
            && !is_done
            && let Ok(Some(Entry { cas, .. })) = data.get(&slot.name)
        {
            slot.taken = Some(cas);
        }
    }

    /// Stops delivering. The content of the slots remains for the next lead.
    pub fn leave(&mut self, now: Timestamp, data: &dyn SharedData) {
        self.role = Role::Follow;
        for _ in 0..MAX_TRIES {
            let Ok((Some(lease), cas)) = self.read_lease(now, data) else {
                return;
            };
            if lease.holder != self.me || self.write_lease(None, cas, data) != Ok(false) {
                return;
            }
        }
    }

    /// Takes or renews the lease, unless another VM holds it.
    fn contend(&mut self, now: Timestamp, data: &dyn SharedData) -> Role {
        for _ in 0..MAX_TRIES {
            let Ok((lease, cas)) = self.read_lease(now, data) else {
                return Role::Independent;
            };
            if lease.is_some_and(|lease| lease.is_of_another(self.me, now)) {
                self.missed = 0;
                return Role::Follow;
            }
            let lease = Lease::of(self.me, now);
            match self.write_lease(Some(lease), cas, data) {
                Ok(true) => {
                    self.missed = 0;
                    self.leads_until = lease.until.minus(MARGIN);
                    return Role::Lead;
                }
                Ok(false) => {}
                Err(Unavailable) => return Role::Independent,
            }
        }
        self.missed = self.missed.saturating_add(1);
        if self.missed < MAX_MISSED {
            Role::Follow
        } else {
            Role::Independent
        }
    }

    /// Returns the lease and its `cas`. A lease that is not authentic counts as absent.
    fn read_lease(
        &self,
        now: Timestamp,
        data: &dyn SharedData,
    ) -> Result<(Option<Lease>, u32), Unavailable> {
        let Some(Entry { value, cas }) = data.get(&self.lease)? else {
            return Ok((None, 0));
        };
        let words = self.mac.open(&self.lease, &value).and_then(words);
        Ok((words.and_then(|words| Lease::read(words, now)), cas))
    }

    fn write_lease(
        &self,
        lease: Option<Lease>,
        cas: u32,
        data: &dyn SharedData,
    ) -> Result<bool, Unavailable> {
        let content = Lease::words(lease).into_iter().flat_map(u64::to_le_bytes);
        let value = self.mac.close(&self.lease, content.collect());
        data.set(&self.lease, &value, cas)
    }
}

fn words(content: &[u8]) -> Option<[u64; 2]> {
    let (holder, until) = content.split_first_chunk()?;
    let word = |bytes: &[u8; size_of::<u64>()]| u64::from_le_bytes(*bytes);
    Some([word(holder), word(until.try_into().ok()?)])
}

/// Returns whether a moment at most `span` away is in the future. A moment farther away does not
/// count, because the clock was set back since.
fn is_ahead(moment: Option<Timestamp>, span: Duration, now: Timestamp) -> bool {
    moment.is_some_and(|moment| now < moment && moment <= now.plus(span))
}
