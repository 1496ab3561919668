//! What the VMs of a host hand over to one of them, which delivers it for all: a fixed number of slots
//! in shared data, each empty or full, and a lease that says who takes what is in them.
//!
//! What is taken stays in its slot until it is delivered, so the death of who took it loses nothing:
//! the next holder of the lease finds it there. The slots are the bound, and nobody has to count.
//! (The host's shared queues have neither: no bound, no length, and what is taken is gone.)

use crate::sharing::lease::{LEASE, Lease, MOST_TRIES, RENEWAL};
use crate::sharing::mac::Mac;
use crate::sharing::{Entry, SharedData, Unavailable};
use crate::time::Timestamp;
use std::time::Duration;

const SLOTS: usize = 64;
/// Most bytes of one slot's content.
pub const SLOT_BYTES: usize = 32 * 1024;
/// What seals add to a content, and more.
const OVERHEAD: usize = 64;
/// So long before a lease's end its holder begins nothing new: another takes it once it has ended.
const MARGIN: Duration = Duration::from_millis(500);
/// Between two looks at the slots.
const LOOK: Duration = Duration::from_millis(250);
/// How many slots are tried for an empty one, and how long it is let be when there is none: a full one
/// is copied to find out.
const PROBES: usize = 8;
const PAUSE: Duration = Duration::from_millis(250);
/// So often in a row, half a second apart, a free lease is not to be had; then we do without.
const MOST_MISSED: u32 = 6;

/// Who delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We do, for all.
    Lead,
    /// Another does.
    Follow,
    /// Each for itself: shared data is out of order.
    Alone,
}

#[derive(Debug)]
pub struct Mailbox {
    seal: Mac,
    lease: String,
    slots: Vec<Slot>,
    me: u64,
    role: Role,
    leads_until: Timestamp,
    next_turn: Option<Timestamp>,
    next_look: Option<Timestamp>,
    next_put: Option<Timestamp>,
    /// Where an empty slot is looked for first.
    first: usize,
    missed: u32,
}

#[derive(Debug)]
struct Slot {
    name: String,
    /// Its `cas` since we have taken its content.
    taken: Option<u32>,
}

impl Mailbox {
    /// `me`: tells this VM from all others.
    ///
    /// # Errors
    /// The host has no shared data.
    pub fn join(me: u64, seal: &Mac, data: &dyn SharedData) -> Result<Self, Unavailable> {
        let slot = |index| Slot {
            name: seal.name(&format!("mailbox/{index}")),
            taken: None,
        };
        let mailbox = Self {
            lease: seal.name("mailbox/lease"),
            slots: (0..SLOTS).map(slot).collect(),
            seal: seal.clone(),
            me,
            role: Role::Follow,
            leads_until: Timestamp::from_millis(0),
            next_turn: None,
            next_look: None,
            next_put: None,
            first: usize::try_from(me % SLOTS as u64).unwrap_or_default(),
            missed: 0,
        };
        // A write on what is not there can't be made to fail if another comes first. The host makes its
        // first VM before all others, so that they find it there.
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

    /// Who delivers now; to be asked at every tick, since it keeps the lease, or takes one that is free.
    pub fn turn(&mut self, now: Timestamp, data: &dyn SharedData) -> Role {
        if !is_ahead(self.next_turn, RENEWAL, now) {
            self.next_turn = Some(now.plus(RENEWAL));
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

    /// Whether we may begin to deliver what was taken from the slots.
    pub fn leads(&self, now: Timestamp) -> bool {
        self.role == Role::Lead && is_ahead(Some(self.leads_until), LEASE, now)
    }

    /// Whether we deliver our own ourselves.
    pub fn delivers(&self, now: Timestamp) -> bool {
        self.role == Role::Alone || self.leads(now)
    }

    /// Turn and look are due at once.
    pub fn hurry(&mut self) {
        (self.next_turn, self.next_look) = (None, None);
    }

    /// Whether it is worth trying to hand over: there was room a moment ago.
    pub fn accepts(&self, now: Timestamp) -> bool {
        !is_ahead(self.next_put, PAUSE, now)
    }

    /// Hands over. False: there is no room.
    pub fn put(&mut self, content: &[u8], now: Timestamp, data: &dyn SharedData) -> bool {
        for index in (self.first..self.first.saturating_add(PROBES)).map(|at| at % SLOTS) {
            let name = self.slots.get(index).map(|slot| slot.name.as_str());
            let Some((name, Ok(Some(entry)))) = name.map(|name| (name, data.get(name))) else {
                continue;
            };
            if !entry.value.is_empty() {
                continue;
            }
            let value = self.seal.close(name, content.to_vec());
            if data.set(name, &value, entry.cas) == Ok(true) {
                self.first = index.saturating_add(1);
                return true;
            }
        }
        self.first = self.first.saturating_add(PROBES) % SLOTS;
        self.next_put = Some(now.plus(PAUSE));
        false
    }

    /// Takes what is new in the slots, each content with its slot; for who leads. It stays there until
    /// [`Mailbox::keep`]. Looks now and then only.
    pub fn take(&mut self, now: Timestamp, data: &dyn SharedData) -> Vec<(usize, Vec<u8>)> {
        if is_ahead(self.next_look, LOOK, now) {
            return Vec::new();
        }
        self.next_look = Some(now.plus(LOOK));
        let mut found = Vec::new();
        let open = self.slots.iter_mut().enumerate();
        for (index, slot) in open.filter(|(_, slot)| slot.taken.is_none()) {
            let Ok(Some(Entry { value, cas })) = data.get(&slot.name) else {
                continue;
            };
            let is_sane = value.len() <= SLOT_BYTES.saturating_add(OVERHEAD);
            match self.seal.open(&slot.name, &value).filter(|_| is_sane) {
                Some(content) => {
                    slot.taken = Some(cas);
                    found.push((index, content.to_vec()));
                }
                None if value.is_empty() => {}
                // Not ours: the slot is.
                None => drop(data.set(&slot.name, &[], cas)),
            }
        }
        found
    }

    /// Of what was taken from a slot only that is still to be delivered; empty: all is done, and the
    /// slot is free again.
    pub fn keep(&mut self, index: usize, rest: Vec<u8>, data: &dyn SharedData) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Some(cas) = slot.taken.take() else { return };
        let is_done = rest.is_empty();
        let value = match is_done {
            true => Vec::new(),
            false => self.seal.close(&slot.name, rest),
        };
        // Full slots are written by who leads only, so it has the `cas` of our own write then.
        if data.set(&slot.name, &value, cas) == Ok(true)
            && !is_done
            && let Ok(Some(Entry { cas, .. })) = data.get(&slot.name)
        {
            slot.taken = Some(cas);
        }
    }

    /// We deliver no longer. What is in the slots stays for the next.
    pub fn leave(&mut self, now: Timestamp, data: &dyn SharedData) {
        self.role = Role::Follow;
        for _ in 0..MOST_TRIES {
            let Ok((Some(lease), cas)) = self.read_lease(now, data) else {
                return;
            };
            if lease.holder != self.me || self.write_lease(None, cas, data) != Ok(false) {
                return;
            }
        }
    }

    /// Takes or renews the lease, unless it is another's.
    fn contend(&mut self, now: Timestamp, data: &dyn SharedData) -> Role {
        for _ in 0..MOST_TRIES {
            let Ok((lease, cas)) = self.read_lease(now, data) else {
                return Role::Alone;
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
                Err(Unavailable) => return Role::Alone,
            }
        }
        self.missed = self.missed.saturating_add(1);
        match self.missed < MOST_MISSED {
            true => Role::Follow,
            false => Role::Alone,
        }
    }

    /// The lease and its `cas`; what is not ours counts as none.
    fn read_lease(
        &self,
        now: Timestamp,
        data: &dyn SharedData,
    ) -> Result<(Option<Lease>, u32), Unavailable> {
        let Some(Entry { value, cas }) = data.get(&self.lease)? else {
            return Ok((None, 0));
        };
        let words = self.seal.open(&self.lease, &value).and_then(words);
        Ok((words.and_then(|words| Lease::read(words, now)), cas))
    }

    fn write_lease(
        &self,
        lease: Option<Lease>,
        cas: u32,
        data: &dyn SharedData,
    ) -> Result<bool, Unavailable> {
        let content = Lease::words(lease).into_iter().flat_map(u64::to_le_bytes);
        let value = self.seal.close(&self.lease, content.collect());
        data.set(&self.lease, &value, cas)
    }
}

fn words(content: &[u8]) -> Option<[u64; 2]> {
    let (holder, until) = content.split_first_chunk()?;
    let word = |bytes: &[u8; size_of::<u64>()]| u64::from_le_bytes(*bytes);
    Some([word(holder), word(until.try_into().ok()?)])
}

/// Whether a moment at most `span` away is still to come. One farther away is none: the clock was set
/// back since.
fn is_ahead(moment: Option<Timestamp>, span: Duration, now: Timestamp) -> bool {
    moment.is_some_and(|moment| now < moment && moment <= now.plus(span))
}
