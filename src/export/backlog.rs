//! Records to be delivered: those of this VM, and those that other VMs handed over. Older records are sent first,
//! whichever VM they come from.

use super::parcel;
use super::queue::{Entry, Queue};
use crate::time::Timestamp;
use std::collections::VecDeque;

#[derive(Debug, Default)]
pub struct Backlog {
    pub own: Queue,
    /// Ordered by age. Bounded by the mailbox slots that contain them.
    others: VecDeque<Entry>,
}

impl Backlog {
    pub fn len(&self) -> usize {
        self.own.len() + self.others.len()
    }

    /// Returns the arrival time of the oldest record.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.front().map(|entry| entry.since)
    }

    pub fn front(&self) -> Option<&Entry> {
        match (self.own.front(), self.others.front()) {
            (Some(own), Some(other)) if own.since <= other.since => Some(own),
            (own, other) => other.or(own),
        }
    }

    pub fn pop(&mut self) -> Option<Entry> {
        match self.front()?.slot {
            None => self.own.pop(),
            Some(_) => self.others.pop_front(),
        }
    }

    /// Adds records that other VMs handed over.
    pub fn collect(&mut self, entries: Vec<Entry>) {
        self.others.extend(entries);
        let others = self.others.make_contiguous();
        others.sort_by_key(|entry| entry.since);
    }

    /// Returns records to the place from which they were taken.
    pub fn put_back(&mut self, entries: Vec<Entry>) {
        let (others, own) = entries.into_iter().partition(|entry| entry.slot.is_some());
        self.own.put_back(own);
        let others: Vec<Entry> = others;
        others
            .into_iter()
            .rev()
            .for_each(|entry| self.others.push_front(entry));
    }

    pub fn of_slot(&self, slot: usize) -> impl Iterator<Item = &Entry> {
        let is_of_it = move |entry: &&Entry| entry.slot == Some(slot);
        self.others.iter().filter(is_of_it)
    }

    pub fn forget_others(&mut self) {
        self.others.clear();
    }

    /// Returns how many of this VM's oldest records fit into a parcel of this many bytes.
    pub fn fitting(&self, bytes: usize) -> usize {
        let mut room = bytes;
        let fits = |entry: &&Entry| {
            let rest = room.checked_sub(parcel::bytes_of(entry));
            room = rest.unwrap_or_default();
            rest.is_some()
        };
        self.own.iter().take_while(fits).count()
    }
}
