//! Requests that wait for keys: bounded in number and time, each with the headers it is judged by
//! when it resumes.

use super::StreamId;
use crate::request::Headers;
use crate::time::Timestamp;
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct WaitingRoom {
    limit: usize,
    /// Ids grow with time, so the order is that of arrival.
    guests: BTreeMap<StreamId, Guest>,
}

#[derive(Debug)]
struct Guest {
    ring: usize,
    deadline: Timestamp,
    headers: Headers,
}

impl WaitingRoom {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            guests: BTreeMap::new(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.guests.len() >= self.limit
    }

    pub fn enter(&mut self, id: StreamId, ring: usize, deadline: Timestamp, headers: Headers) {
        self.guests.insert(
            id,
            Guest {
                ring,
                deadline,
                headers,
            },
        );
    }

    pub fn leave(&mut self, id: StreamId) -> Option<(Headers, Timestamp)> {
        self.guests
            .remove(&id)
            .map(|guest| (guest.headers, guest.deadline))
    }

    /// Those whose time is up.
    pub fn overdue(&self, now: Timestamp) -> Vec<StreamId> {
        self.select(|guest| now >= guest.deadline)
    }

    /// Those who wait for that key ring.
    pub fn for_ring(&self, ring: usize) -> Vec<StreamId> {
        self.select(|guest| guest.ring == ring)
    }

    fn select(&self, wanted: impl Fn(&Guest) -> bool) -> Vec<StreamId> {
        self.guests
            .iter()
            .filter(|(_, guest)| wanted(guest))
            .map(|(id, _)| *id)
            .collect()
    }
}
