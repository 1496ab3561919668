//! Pending requests: they wait for an answer of another service, bounded in number and time. Each
//! keeps the state from which its decision resumes.

use crate::credential::call::Coming;
use crate::gate::StreamId;
use crate::gate::request::authorizer::Signed;
use crate::groups::LookupId;
use crate::http::headers::Headers;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// The answer that a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// The keys of the issuer with this index.
    Keys(usize),
    /// The revocation feed.
    Revocation,
    /// A credential's value.
    Credential(Coming),
    /// The groups of a caller of the issuer with this index.
    Groups { issuer: usize, id: LookupId },
}

/// The state from which a pending request's decision resumes.
#[derive(Debug)]
pub enum Resume {
    /// The headers: the decision starts from the beginning.
    Headers(Headers),
    /// A request whose token's signature was verified.
    Signed(Box<Signed>),
}

#[derive(Debug)]
pub struct PendingRequests {
    limit: usize,
    /// Stream ids increase, so requests are in order of arrival.
    requests: BTreeMap<StreamId, PendingRequest>,
}

#[derive(Debug)]
struct PendingRequest {
    dependency: Dependency,
    deadline: Timestamp,
    state: Resume,
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
        state: Resume,
    ) {
        let request = PendingRequest {
            dependency,
            deadline,
            state,
        };
        self.requests.insert(id, request);
    }

    /// Returns the dependency of a request, and its deadline.
    pub fn get(&self, id: StreamId) -> Option<(Dependency, Timestamp)> {
        let request = self.requests.get(&id)?;
        Some((request.dependency, request.deadline))
    }

    pub fn leave(&mut self, id: StreamId) -> Option<(Resume, Timestamp)> {
        self.requests
            .remove(&id)
            .map(|request| (request.state, request.deadline))
    }

    /// Returns the requests whose deadline has passed.
    pub fn overdue(&self, now: Timestamp) -> Vec<StreamId> {
        self.select(|request| now >= request.deadline)
    }

    /// Returns the requests that wait for the dependency.
    pub fn waiting_for(&self, dependency: Dependency) -> Vec<StreamId> {
        self.select(|request| request.dependency == dependency)
    }

    fn select(&self, wanted: impl Fn(&PendingRequest) -> bool) -> Vec<StreamId> {
        self.requests
            .iter()
            .filter(|(_, request)| wanted(request))
            .map(|(id, _)| *id)
            .collect()
    }
}
