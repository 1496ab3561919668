//! Requests that wait for an answer of another service: bounded in number and time, each with what
//! it is judged by when it resumes.

use crate::credential::store::Coming;
use crate::gate::StreamId;
use crate::gate::request::authorizer::Signed;
use crate::groups::LookupId;
use crate::http::headers::Headers;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
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
pub enum Resume {
    /// Whoever it is: all is to be done.
    Anyone(Headers),
    /// Someone whose token's signature holds.
    Caller(Box<Signed>),
}

#[derive(Debug)]
pub struct PendingRequests {
    limit: usize,
    /// Ids grow with time, so the order is that of arrival.
    requests: BTreeMap<StreamId, PendingRequest>,
}

#[derive(Debug)]
struct PendingRequest {
    dependency: Dependency,
    deadline: Timestamp,
    asked: Resume,
}

impl PendingRequests {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            requests: BTreeMap::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn is_full(&self) -> bool {
        self.requests.len() >= self.limit
    }

    pub fn enter(
        &mut self,
        id: StreamId,
        dependency: Dependency,
        deadline: Timestamp,
        asked: Resume,
    ) {
        let guest = PendingRequest {
            dependency,
            deadline,
            asked,
        };
        self.requests.insert(id, guest);
    }

    /// What a request waits for, and until when.
    pub fn guest(&self, id: StreamId) -> Option<(Dependency, Timestamp)> {
        let guest = self.requests.get(&id)?;
        Some((guest.dependency, guest.deadline))
    }

    pub fn leave(&mut self, id: StreamId) -> Option<(Resume, Timestamp)> {
        self.requests
            .remove(&id)
            .map(|guest| (guest.asked, guest.deadline))
    }

    /// Those whose time is up.
    pub fn overdue(&self, now: Timestamp) -> Vec<StreamId> {
        self.select(|guest| now >= guest.deadline)
    }

    /// Those who wait for that.
    pub fn waiting_for(&self, dependency: Dependency) -> Vec<StreamId> {
        self.select(|guest| guest.dependency == dependency)
    }

    fn select(&self, wanted: impl Fn(&PendingRequest) -> bool) -> Vec<StreamId> {
        self.requests
            .iter()
            .filter(|(_, guest)| wanted(guest))
            .map(|(id, _)| *id)
            .collect()
    }
}
