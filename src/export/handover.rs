//! Handover of records to the one VM of a host that exports for all, through the slots of a
//! mailbox. A record stays in its slot until it is delivered, so that nothing is lost if the exporting VM crashes.

use super::queue::Entry;
use super::{Exporter, parcel};
use crate::sharing::mailbox::SLOT_BYTES;
use crate::time::Timestamp;

/// Maximum number of parcels that are handed over at a time.
const MAX_PARCELS: usize = 8;
/// Records are handed over after their maximum wait divided by this number, so that few records miss the next call.
const WAIT_DIVISOR: u32 = 8;

impl Exporter {
    /// Hands over records that have waited long enough. `put` returns whether there was room for the parcel.
    pub fn hand_over(&mut self, now: Timestamp, put: impl FnMut(&[u8]) -> bool) {
        let records = &self.backlog.own;
        let wait = self.settings.every / WAIT_DIVISOR;
        let waits_long = |entry: &Entry| now.since(entry.since) >= wait;
        let is_much = records.len() >= self.settings.batch || records.bytes() >= SLOT_BYTES;
        if is_much || records.front().is_some_and(waits_long) {
            self.hand_over_up_to(MAX_PARCELS, put);
        }
    }

    /// Hands over as many records as there is room for.
    pub fn hand_over_all(&mut self, put: impl FnMut(&[u8]) -> bool) {
        self.hand_over_up_to(usize::MAX, put);
    }

    fn hand_over_up_to(&mut self, parcels: usize, mut put: impl FnMut(&[u8]) -> bool) {
        for _ in 0..parcels {
            let count = self.backlog.fitting(SLOT_BYTES);
            let entries = self.backlog.own.iter().take(count);
            if count == 0 || !put(&parcel::write(entries)) {
                return;
            }
            (0..count).for_each(|_| drop(self.backlog.own.pop()));
        }
    }

    /// Returns whether records arrive faster than they are handed over, or one cannot be handed
    /// over. In this case, this VM also delivers its own records.
    pub fn is_pressed(&self) -> bool {
        let has_records = self.backlog.own.len() > 0;
        self.backlog.own.is_pressed() || (has_records && self.backlog.fitting(SLOT_BYTES) == 0)
    }

    /// Takes the records that another VM put into the slot. Returns false if they are unreadable.
    #[must_use]
    pub fn collect(&mut self, slot: usize, content: &[u8], now: Timestamp) -> bool {
        let entries = parcel::read(content, slot, now);
        entries.map(|own| self.backlog.collect(own)).is_some()
    }

    /// Returns the slots with deliveries since the last call, each with its remaining content.
    pub fn take_progress(&mut self) -> Vec<(usize, Vec<u8>)> {
        let touched = std::mem::take(&mut self.touched);
        let rest = |slot| {
            let under_way = self.in_flight.iter().flat_map(|own| &own.records);
            let under_way = under_way.filter(|entry| entry.slot == Some(slot));
            let rest = under_way.chain(self.backlog.of_slot(slot));
            (slot, parcel::write(rest))
        };
        touched.into_iter().map(rest).collect()
    }

    /// Stops delivering the content of the slots, because another VM does so from now on.
    pub fn pass_on(&mut self) {
        self.backlog.forget_others();
        self.touched.clear();
    }
}
