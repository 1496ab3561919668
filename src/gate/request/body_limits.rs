//! Limits on the number and total size of the bodies that the host holds for this VM. The time limit is
//! in [`inspect`](super::inspect) for requests and in
//! [`response_buffer`](crate::gate::response::response_buffer) for responses.

use crate::config::Limits;
use crate::decision::{Denial, HeldLimit};
use crate::gate::request::authorizer::Outcome;
use crate::gate::{Gate, Notice, Ruling, StreamId};
use crate::metrics;
use crate::model::body::Body;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub struct HeldBodies {
    most: usize,
    most_bytes: usize,
    /// Bytes by stream. A stream holds the body of its request or of its response, never both.
    sizes: BTreeMap<StreamId, usize>,
    bytes: usize,
    /// Streams whose response is held.
    responses: BTreeSet<StreamId>,
}

impl HeldBodies {
    pub fn new(limits: Limits) -> Self {
        Self {
            most: limits.inspections,
            most_bytes: limits.inspected_bytes,
            sizes: BTreeMap::new(),
            bytes: 0,
            responses: BTreeSet::new(),
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn responses(&self) -> &BTreeSet<StreamId> {
        &self.responses
    }

    /// Counts additional bytes of a held body.
    pub fn grow(&mut self, id: StreamId, by: usize) -> Result<(), HeldLimit> {
        let bytes = self.bytes.saturating_add(by);
        if bytes > self.most_bytes {
            return Err(HeldLimit::Bytes);
        }
        if by > 0 {
            let size = self.sizes.entry(id).or_default();
            *size = size.saturating_add(by);
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Counts the bytes of a stream that is filtered as it passes.
    pub fn set(&mut self, id: StreamId, size: usize) -> Result<(), HeldLimit> {
        let known = self.sizes.remove(&id).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(known);
        self.grow(id, size)
    }

    /// Counts a held response; `requests` is the number of held requests.
    pub fn hold_response(&mut self, id: StreamId, requests: usize) -> Result<(), HeldLimit> {
        self.has_room(requests)?;
        self.responses.insert(id);
        Ok(())
    }

    fn has_room(&self, requests: usize) -> Result<(), HeldLimit> {
        if self.responses.len().saturating_add(requests) < self.most {
            Ok(())
        } else {
            Err(HeldLimit::Bodies)
        }
    }

    /// Notes that the body of a forwarded request is no longer collected.
    pub fn release_request(&mut self, id: StreamId) {
        if !self.responses.contains(&id) {
            self.release(id);
        }
    }

    /// Notes that the host no longer holds a body of the stream.
    pub fn release(&mut self, id: StreamId) {
        let size = self.sizes.remove(&id).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(size);
        self.responses.remove(&id);
    }
}

impl Gate {
    /// Notes that the host holds `size` bytes of the body of a pending request. Returns a denial if that
    /// exceeds the limit.
    pub fn body_held(&mut self, id: StreamId, size: usize) -> Option<Ruling> {
        self.waiting.get(id)?;
        let known = self.bodies.sizes.get(&id).copied().unwrap_or_default();
        let grown = self.bodies.grow(id, size.saturating_sub(known));
        self.refuse_held(id, grown.err()?)
    }

    /// Returns the number of bodies that are held for inspection.
    pub(in crate::gate) fn held_bodies(&self) -> usize {
        self.inspections.len() + self.bodies.responses.len()
    }

    /// Denies a request that needs inspection if no further body may be held.
    pub(in crate::gate) fn deny_without_room(&mut self, id: StreamId) -> Option<Denial> {
        let limit = self.bodies.has_room(self.inspections.len()).err()?;
        self.forget_body(id);
        self.note_exceeded(limit);
        Some(Denial::InspectionUnavailable(limit))
    }

    /// Denies a request whose held body has reached a limit.
    pub(in crate::gate) fn refuse_held(
        &mut self,
        id: StreamId,
        limit: HeldLimit,
    ) -> Option<Ruling> {
        let was_inspected = self.inspections.leave(id).is_some();
        let was_waiting = self.waiting.leave(id).is_some();
        if !was_inspected && !was_waiting {
            return None;
        }
        self.forget_body(id);
        self.note_exceeded(limit);
        let denial = Denial::InspectionUnavailable(limit);
        Some(self.rule(id, Outcome::Deny(denial)))
    }

    pub(in crate::gate) fn forget_body(&mut self, id: StreamId) {
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            exchange.body = Body::default();
        }
    }

    pub(in crate::gate) fn note_exceeded(&mut self, limit: HeldLimit) {
        let name = metrics::held_exceeded(limit);
        self.notices.push(Notice::Count(name.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bodies(inspections: usize, inspected_bytes: usize) -> HeldBodies {
        HeldBodies::new(Limits {
            body_inspected: 1,
            inspections,
            inspected_bytes,
            inspection_timeout: Duration::from_secs(1),
        })
    }

    #[test]
    fn held_bytes_are_limited_in_total_and_freed_per_stream() {
        let mut held = bodies(9, 10);
        assert_eq!(held.grow(1, 6), Ok(()));
        assert_eq!(held.grow(2, 4), Ok(()));
        assert_eq!(held.grow(2, 1), Err(HeldLimit::Bytes));
        assert_eq!(held.grow(3, 0), Ok(()));
        assert_eq!(held.bytes(), 10);
        held.release(1);
        assert_eq!(held.bytes(), 4);
        assert_eq!(held.grow(2, 6), Ok(()));
        assert_eq!(held.grow(3, usize::MAX), Err(HeldLimit::Bytes));
        held.release(2);
        held.release(2);
        assert_eq!((held.bytes(), held.sizes.len()), (0, 0));
        assert_eq!(
            (held.set(1, 7), held.set(2, 3), held.set(1, 5)),
            (Ok(()), Ok(()), Ok(()))
        );
        assert_eq!(held.set(2, 6), Err(HeldLimit::Bytes));
        assert_eq!(
            (held.set(1, 0), held.bytes(), held.sizes.len()),
            (Ok(()), 0, 0)
        );
    }

    #[test]
    fn held_responses_and_requests_share_one_limit() {
        let mut held = bodies(2, 10);
        assert_eq!(held.hold_response(1, 2), Err(HeldLimit::Bodies));
        assert_eq!(held.hold_response(1, 1), Ok(()));
        assert_eq!(held.has_room(1), Err(HeldLimit::Bodies));
        held.release(1);
        assert_eq!(held.has_room(1), Ok(()));
        assert!(held.responses().is_empty());
    }
}
