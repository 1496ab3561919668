//! Records in the order in which they came, bounded in number and bytes.

use crate::time::Timestamp;
use std::collections::VecDeque;

/// Most records of one VM that are still to be delivered.
const MAX_RECORDS: usize = 10_000;
/// Most bytes of their lines.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// From this part of either bound on it is pressed.
const PRESSED: usize = 10;

/// A record as its line of JSON.
#[derive(Debug)]
pub struct Entry {
    pub line: String,
    /// When it came.
    pub since: Timestamp,
    /// In which slot of the mailbox it stands too, if another VM has handed it over.
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

    /// Whether much of its room is taken.
    pub fn is_pressed(&self) -> bool {
        self.len() >= MAX_RECORDS / PRESSED || self.bytes >= MAX_BYTES / PRESSED
    }

    /// From the oldest on.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Takes a record beside those `elsewhere` that count too. Returns how many old ones had to go.
    pub fn push(&mut self, entry: Entry, elsewhere: usize) -> u64 {
        self.bytes += entry.line.len();
        self.entries.push_back(entry);
        let mut gone = 0;
        while (self.len() + elsewhere > MAX_RECORDS || self.bytes > MAX_BYTES)
            && self.pop().is_some()
        {
            gone += 1;
        }
        gone
    }

    pub fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes = self.bytes.saturating_sub(entry.line.len());
        Some(entry)
    }

    /// Puts records back to where they were taken from. They are within the bound of number, since
    /// they counted all the time; a batch beyond the bytes goes with the next push.
    pub fn put_back(&mut self, entries: Vec<Entry>) {
        for entry in entries.into_iter().rev() {
            self.bytes += entry.line.len();
            self.entries.push_front(entry);
        }
    }
}
