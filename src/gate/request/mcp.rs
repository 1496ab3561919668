//! Permitted requests for MCP servers: the caller's session id is replaced with the server's id, and the tools that the
//! response may list are determined.

use crate::decision::Denial;
use crate::forward::mcp_session::{self, Owner};
use crate::gate::request::authorizer::Authorizer;
use crate::gate::response::Shown;
use crate::http::headers::Headers;
use crate::model::request::Request;
use crate::token::claims::Claims;
use crate::token::verify::Verified;

const UPGRADE: &str =
    "it asks for another protocol (Upgrade), in which no rule would see its messages";

/// The session of a request for an MCP server; empty for other requests.
#[derive(Debug, Default)]
pub struct Session {
    /// The request is for an MCP server.
    is_expected: bool,
    /// The id as the caller sent it.
    presented: Option<Vec<u8>>,
    /// The server's id, once the caller was permitted.
    pub server_id: Option<String>,
    /// The caller to which session ids in the response are bound. Set when the request is permitted.
    pub owner: Option<Owner>,
}

impl Authorizer<'_> {
    /// Reads the id of the session, if the request is for an MCP server.
    ///
    /// # Errors
    /// The id is ambiguous, or the request asks for another protocol.
    pub(super) fn read_session(
        &mut self,
        request: &Request,
        headers: &Headers,
    ) -> Result<(), Denial> {
        if !self.config.policy.governs_messages_at(request) {
            return Ok(());
        }
        // A server may also accept messages through a WebSocket.
        if headers.ask_for_upgrade() {
            return Err(Denial::RequestAmbiguous(UPGRADE));
        }
        let id = mcp_session::id(headers).map_err(Denial::RequestAmbiguous)?;
        *self.session = Session {
            is_expected: true,
            presented: id.map(<[u8]>::to_vec),
            ..Session::default()
        };
        Ok(())
    }

    /// Prepares a permitted request, if it is for an MCP server. Without `caller`, the request is permitted without a
    /// token.
    pub(super) fn enter_mcp(
        &mut self,
        request: &Request,
        caller: Option<&Verified<Claims>>,
    ) -> Result<(), Denial> {
        if self.session.is_expected {
            self.open_session(caller.map(|caller| &**caller))?;
            self.limit_tools(request, caller)?;
        }
        Ok(())
    }

    fn open_session(&mut self, caller: Option<&Claims>) -> Result<(), Denial> {
        let owner = Owner::of(caller);
        if let Some(id) = &self.session.presented {
            let opened = mcp_session::open(&self.config.session_mac, &owner, id);
            self.session.server_id = Some(opened.ok_or(Denial::McpSessionUnknown)?.to_owned());
        }
        self.session.owner = Some(owner);
        Ok(())
    }

    /// Returns whether the response to the request may list tools that must be filtered. A GET may resume a stream that
    /// contains the answer to an earlier `tools/list`.
    pub(super) fn may_list_tools(&self, request: &Request) -> bool {
        let may_list = match &*request.method {
            "GET" => true,
            "POST" => request.mcp.lists_tools(),
            _ => false,
        };
        may_list && self.session.is_expected && self.config.forward.filter_tools
    }

    /// Limits the response to the tools that the caller may call.
    fn limit_tools(
        &mut self,
        request: &Request,
        caller: Option<&Verified<Claims>>,
    ) -> Result<(), Denial> {
        let lists_models = matches!(self.view, Some(Shown::Models(_)));
        if lists_models || !self.may_list_tools(request) {
            return Ok(());
        }
        if self.responses_withheld {
            return Err(Denial::McpUnreadable("the host does not deliver its body"));
        }
        let caller = caller.map(|caller| (caller, &self.context));
        let credential_store = &*self.credential_store;
        let is_sent = |credential| credential_store.may_send(credential, &request.cluster);
        let view = self.config.policy.tools(request, caller, &is_sent);
        *self.view = Some(Shown::Tools(view));
        Ok(())
    }
}
