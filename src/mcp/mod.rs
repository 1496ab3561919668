//! The JSON-RPC messages of the Model Context Protocol that a request carries: their methods, and the tools that they
//! call.
//!
//! A body is one message or a batch (revision 2025-03-26). If an object has both `method` and `Method`, or `name`
//! twice, servers differ on which of the two members they use. Therefore everything that two servers could read
//! differently is rejected: a repeated member, a relevant member that is not in lower case, a message that is both a
//! request and a response, and headers that contradict the body ([`declared`]).

pub mod declared;
pub mod event_stream;
pub mod message;
pub mod reader;
pub mod tool_list;

use crate::decision::BodyUnavailable;
pub use message::Message;
use std::sync::Arc;

/// The method of a message that answers a request of the server.
pub const RESPONSE: &str = "response";
/// The method that calls a tool.
pub const CALL: &str = "tools/call";
/// The method that lists tools.
const LIST: &str = "tools/list";

/// The JSON-RPC messages of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mcp {
    /// The request has no body. Rules with `mcp` do not match it.
    None,
    /// The body has not been read.
    Unread,
    /// The body cannot be read as JSON-RPC. If a rule depends on it, the request is denied.
    Unavailable(BodyUnavailable),
    Message(Arc<Message>),
    /// A batch of at least one message. Each is decided separately.
    Batch(Arc<[Arc<Message>]>),
}

impl Mcp {
    /// Returns all messages.
    pub fn messages(&self) -> &[Arc<Message>] {
        match self {
            Self::Message(message) => std::slice::from_ref(message),
            Self::Batch(messages) => messages,
            Self::None | Self::Unread | Self::Unavailable(_) => &[],
        }
    }

    /// Returns whether any server could read a message as a request for the list of tools, including servers that
    /// ignore the case of methods.
    pub fn lists_tools(&self) -> bool {
        let lists = |message: &Arc<Message>| message.method.eq_ignore_ascii_case(LIST);
        self.messages().iter().any(lists)
    }

    /// Returns why the filter cannot tell whether a rule with `mcp` matches; `None` if it can.
    pub fn unavailable(&self) -> Option<BodyUnavailable> {
        match self {
            Self::Unread => Some(BodyUnavailable::Unreadable("it was not read")),
            Self::Unavailable(reason) => Some(*reason),
            Self::None | Self::Message(_) | Self::Batch(_) => None,
        }
    }

    /// Returns the tool of the only message, if it calls one.
    pub fn tool(&self) -> Option<&str> {
        match self {
            Self::Message(message) => message.tool.as_deref(),
            Self::None | Self::Unread | Self::Unavailable(_) | Self::Batch(_) => None,
        }
    }

    /// Returns the id for a reply, as written: that of the only message, if it is valid and short.
    pub fn id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Message(message) => message.id.as_ref(),
            Self::None | Self::Unread | Self::Unavailable(_) | Self::Batch(_) => None,
        }
    }
}
