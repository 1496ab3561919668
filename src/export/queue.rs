//! A queue of records, bounded in number and bytes.

use crate::time::Timestamp;
use std::collections::VecDeque;

/// Maximum number of undelivered records of one VM.
const MAX_RECORDS: usize = 10_000;
/// Maximum total size of the lines of undelivered records, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The queue is under pressure once a tenth of either bound is used.
const PRESSURE_DIVISOR: usize = 10;

/// A record as its line of JSON.
#[derive(Debug)]
pub struct Entry {
    pub line: String,
    /// The arrival time.
    pub since: Timestamp,
    /// The mailbox slot that also contains the record, if another VM handed it over.
    pub slot: Option<usize>,
}

#[derive(Debug, Default)]
pub struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether a significant part of the capacity is used.
    pub fn is_pressed(&self) -> bool {
        self.len() >= MAX_RECORDS / PRESSURE_DIVISOR || self.bytes >= MAX_BYTES / PRESSURE_DIVISOR
    }

    /// Iterates over the records, from the oldest.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Adds a record. The records in `elsewhere` also count against the bounds. Returns how many old
    /// records were dropped.
    pub fn push(&mut self, entry: Entry, elsewhere: usize) -> u64 {
        self.bytes += entry.line.len();
        self.entries.push_back(entry);
        let mut dropped = 0;
        while (self.len() + elsewhere > MAX_RECORDS || self.bytes > MAX_BYTES)
            && self.pop().is_some()
        {
            dropped += 1;
        }
        dropped
    }

    pub fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes = self.bytes.saturating_sub(entry.line.len());
        Some(entry)
    }

    /// Returns records to the place from which they were taken. They do not exceed the maximum number, because they
    /// were counted the whole time. If they exceed the maximum size, the next push drops records.
    pub fn put_back(&mut self, entries: Vec<Entry>) {
        for entry in entries.into_iter().rev() {
            self.bytes += entry.line.len();
            self.entries.push_front(entry);
        }
    }
}
