//! The callbacks of one request and its response.

use super::rules::{Rules, Step};
use super::stream::{Fate, Fields, Stream};
use super::{Host, ROOT};

impl Host {
    /// Delivers a request's headers.
    pub fn open(&mut self, headers: Fields, is_all: bool) -> u32 {
        let id = self.next;
        self.next += 1;
        let rules = self.rules();
        let announced = match rules {
            Rules::Envoy => headers.len(),
            Rules::Nginx => headers
                .iter()
                .filter(|(name, _)| !name.starts_with(':'))
                .count(),
        };
        let state = self.store.data_mut();
        state.streams.insert(id, Stream::new(headers));
        self.run::<_, ()>(
            Step::RequestHeaders,
            id,
            "proxy_on_context_create",
            (id, ROOT),
        );
        let is_all = u32::from(is_all && rules == Rules::Envoy);
        let parameters = (id, announced as u32, is_all);
        let name = "proxy_on_request_headers";
        let action: u32 = self.run(Step::RequestHeaders, id, name, parameters);
        self.acted(id, action);
        id
    }

    /// Delivers the next piece of a request's body.
    pub fn body(&mut self, id: u32, piece: &[u8], is_last: bool) {
        let (rules, hands_out) = (self.rules(), self.state().settings.hands_out_bodies);
        let stream = self.stream_mut(id);
        stream.bytes_received += piece.len() as u64;
        let is_held = match stream.fate {
            Fate::Held => true,
            Fate::Forwarded(_) => false,
            Fate::Replied(_) => return,
        };
        match is_held {
            true => stream.body.extend_from_slice(piece),
            false => stream.body = piece.to_vec(),
        }
        // nginx reads the body after the headers have been forwarded.
        if is_held && (rules == Rules::Nginx || !hands_out) {
            return;
        }
        let size = stream.body.len() as u32;
        let name = "proxy_on_request_body";
        let action: u32 = self.run(Step::RequestBody, id, name, (id, size, u32::from(is_last)));
        self.acted(id, action);
    }

    /// Delivers the upstream's response to a forwarded request; returns the body as the client gets it.
    pub fn respond(&mut self, id: u32, status: u32, headers: Fields, body: &[u8]) -> Vec<u8> {
        let pieces: &[&[u8]] = if body.is_empty() { &[] } else { &[body] };
        self.respond_in_pieces(id, status, headers, pieces)
    }

    /// The same with a body that arrives in pieces.
    pub fn respond_in_pieces(
        &mut self,
        id: u32,
        status: u32,
        headers: Fields,
        pieces: &[&[u8]],
    ) -> Vec<u8> {
        let stream = self.stream_mut(id);
        assert!(
            matches!(stream.fate, Fate::Forwarded(_)),
            "{:?}",
            stream.fate
        );
        stream.response_status = Some(status);
        stream.response_headers = headers;
        let code = (":status".to_owned(), status.to_string().into_bytes());
        stream.response_headers.insert(0, code);
        let count = stream.response_headers.len() as u32;
        let parameters = (id, count, u32::from(pieces.is_empty()));
        let name = "proxy_on_response_headers";
        let _: u32 = self.run(Step::ResponseHeaders, id, name, parameters);
        let mut delivered = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            self.stream_mut(id).response_body = piece.to_vec();
            let is_last = u32::from(index + 1 == pieces.len());
            let parameters = (id, piece.len() as u32, is_last);
            let _: u32 = self.run(Step::ResponseBody, id, "proxy_on_response_body", parameters);
            delivered.append(&mut self.stream_mut(id).response_body);
        }
        delivered
    }

    /// Ends a request: the filter writes its record and releases it.
    pub fn end(&mut self, id: u32) {
        let _: u32 = self.run(Step::Done, id, "proxy_on_done", id);
        self.run::<_, ()>(Step::Log, id, "proxy_on_log", id);
        self.run::<_, ()>(Step::Done, id, "proxy_on_delete", id);
        let state = self.store.data_mut();
        state.streams.remove(&id);
        state.calls.retain(|call| call.context != id);
    }
}
