//! Requests that wait for an answer of another service: bounded in number and time, each with what
//! it is judged by when it resumes.

use super::StreamId;
use super::judge::Signed;
use crate::credential::wallet::Coming;
use crate::groups::LookupId;
use crate::request::Headers;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The keys of that ring.
    Keys(usize),
    /// The revocation feed.
    Revocation,
    /// A credential's value.
    Credential(Coming),
    /// What the directory says of a caller of that issuer.
    Groups { issuer: usize, id: LookupId },
}

/// Who is judged once what is missing has come.
#[derive(Debug)]
pub enum Asked {
    /// Whoever it is: all is to be done.
    Anyone(Headers),
    /// Someone whose token's signature holds.
    Caller(Box<Signed>),
}

#[derive(Debug)]
pub struct WaitingRoom {
    limit: usize,
    /// Ids grow with time, so the order is that of arrival.
    guests: BTreeMap<StreamId, Guest>,
}

#[derive(Debug)]
struct Guest {
    awaited: Awaited,
    deadline: Timestamp,
    asked: Asked,
}

impl WaitingRoom {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            guests: BTreeMap::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.guests.len()
    }

    pub fn is_full(&self) -> bool {
        self.guests.len() >= self.limit
    }

    pub fn enter(&mut self, id: StreamId, awaited: Awaited, deadline: Timestamp, asked: Asked) {
        let guest = Guest {
            awaited,
            deadline,
            asked,
        };
        self.guests.insert(id, guest);
    }

    /// What a request waits for, and until when.
    pub fn guest(&self, id: StreamId) -> Option<(Awaited, Timestamp)> {
        let guest = self.guests.get(&id)?;
        Some((guest.awaited, guest.deadline))
    }

    pub fn leave(&mut self, id: StreamId) -> Option<(Asked, Timestamp)> {
        self.guests
            .remove(&id)
            .map(|guest| (guest.asked, guest.deadline))
    }

    /// Those whose time is up.
    pub fn overdue(&self, now: Timestamp) -> Vec<StreamId> {
        self.select(|guest| now >= guest.deadline)
    }

    /// Those who wait for that.
    pub fn waiting_for(&self, awaited: Awaited) -> Vec<StreamId> {
        self.select(|guest| guest.awaited == awaited)
    }

    fn select(&self, wanted: impl Fn(&Guest) -> bool) -> Vec<StreamId> {
        self.guests
            .iter()
            .filter(|(_, guest)| wanted(guest))
            .map(|(id, _)| *id)
            .collect()
    }
}
