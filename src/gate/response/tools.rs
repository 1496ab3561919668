//! Responses of MCP servers: the session's id is bound to the caller, and lists of tools are filtered. A JSON response is held
//! until it is complete ([`response_buffer`](super::response_buffer)); an event stream is filtered as it passes.

use crate::decision::Denial;
use crate::forward::{Edit, mcp_session};
use crate::gate::response::Shown;
use crate::gate::{Gate, StreamId};
use crate::http::headers::Headers;
use crate::mcp::event_stream::EventStream;
use crate::reply::reply;

const BAD_EVENT: &str = "an event can't be read, or is longer than limits.body_inspected";
const BAD_SESSION: &str = "its session id is repeated, too long or not visible ASCII";

impl Gate {
    /// Binds the id of a session to the caller. Returns the header to set.
    pub(super) fn bind_session(
        &self,
        id: StreamId,
        headers: &Headers,
    ) -> Result<Option<Edit>, Denial> {
        let exchange = self.exchanges.get(&id);
        let Some(owner) = exchange.and_then(|exchange| exchange.session.owner.as_ref()) else {
            return Ok(None);
        };
        let unreadable = Denial::McpUnreadable(BAD_SESSION);
        match mcp_session::id(headers) {
            Ok(None) => Ok(None),
            Ok(Some(server_id)) => {
                let bound = mcp_session::bind(&self.config.session_mac, owner, server_id);
                let name = mcp_session::HEADER.into();
                let edit = bound.map(|value| Edit { name, value });
                edit.map(Some).ok_or(unreadable)
            }
            Err(_) => Err(unreadable),
        }
    }

    /// Passes a response that lists no tools: a response without a body, or a response to a GET that is not an event
    /// stream.
    pub(super) fn pass_without_tools(&mut self, id: StreamId, headers: &Headers) {
        if let Some(exchange) = self.exchanges.get_mut(&id)
            && let Some(Shown::Tools(_)) = &exchange.response.view
            && (headers.is_all || &*exchange.record.method == "GET" && !is_event_stream(headers))
        {
            exchange.response.view = None;
        }
    }

    /// Begins to filter an event stream.
    pub(super) fn begin_stream(&mut self, id: StreamId) {
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            let denial = Denial::McpUnreadable(BAD_EVENT);
            let error = reply(&denial, &self.config.replies, &exchange.reply_context).body;
            let limit = self.config.limits.body_inspected;
            exchange.response.stream = Some(EventStream::new(error, limit));
        }
    }

    /// Returns the replacement for the next piece of a body. `None`: the response must be aborted, because the host
    /// could not read the piece.
    pub fn filter_piece(
        &mut self,
        id: StreamId,
        piece: Option<&[u8]>,
        is_last: bool,
    ) -> Option<Vec<u8>> {
        let response = &mut self.exchanges.get_mut(&id)?.response;
        let (stream, Some(Shown::Tools(view))) = (response.stream.as_mut()?, &response.view) else {
            return None;
        };
        let before = stream.replaced();
        let is_shown = |name: &str| view.shows(name);
        let mut passed = stream.feed(piece?, &is_shown);
        if is_last {
            passed.extend(stream.close(&is_shown));
        }
        let full = self.bodies.set(id, stream.held()).err();
        if full.is_some() {
            stream.drop_event(&mut passed);
        }
        let is_changed = stream.replaced() > before;
        if let Some(limit) = full {
            self.note_exceeded(limit);
        }
        if is_changed {
            self.note_failure(id, &Denial::McpUnreadable(BAD_EVENT));
        }
        Some(passed)
    }
}

pub(super) fn is_event_stream(headers: &Headers) -> bool {
    let kind = headers.text("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/event-stream")
}
