//! The requests that the load generator sends.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use strict_host::traffic::REQUEST_BODY;

use crate::{contents, upstream::Asked};

const CHAT: &str = "/v1/chat/completions";
const MCP: &str = "/mcp";
/// A call of a tool, as long as the chat request.
const TOOL_CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"model_search","arguments":{"query":"Who may pass?","task":"text-generation","limit":10},"_meta":{"progressToken":7}}}"#;

/// Complete HTTP requests that are sent in rotation, and the status that all of them are expected to get.
#[derive(Clone)]
pub struct Requests {
    texts: Arc<Vec<Vec<u8>>>,
    pub status: u16,
    turn: Arc<AtomicUsize>,
}

impl Requests {
    /// One request per token; all are permitted.
    pub fn permitted(tokens: &[String]) -> Requests {
        Requests::asking(tokens, Asked::Short)
    }

    /// One request per token, which asks for this response; all are permitted.
    pub fn asking(tokens: &[String], asked: Asked) -> Requests {
        let path = format!("{CHAT}{}", asked.query());
        Requests::with_tokens(tokens, &path, REQUEST_BODY, 200)
    }

    /// One call of an MCP tool per token; all are permitted.
    pub fn tool_calls(tokens: &[String]) -> Requests {
        Requests::with_tokens(tokens, MCP, TOOL_CALL, 200)
    }

    /// One request per token, whose body has about this size in bytes and names its model last; all are permitted.
    pub fn prompts(tokens: &[String], size: usize) -> Requests {
        Requests::with_tokens(tokens, CHAT, &contents::prompt(size), 200)
    }

    /// The same requests, whose bodies are too large.
    pub fn refused(self) -> Requests {
        Requests {
            status: 413,
            ..self
        }
    }

    /// One request per token; all are denied. They have no body: a server that answers before it has read the body closes the
    /// connection.
    pub fn denied(tokens: &[String]) -> Requests {
        Requests::with_tokens(tokens, CHAT, "", 403)
    }

    fn with_tokens(tokens: &[String], path: &str, body: &str, status: u16) -> Requests {
        let with_tokens = |token: &String| {
            let length = body.len();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: gateway.contoso.com\r\n\
                 content-type: application/json\r\nuser-agent: bench\r\naccept: */*\r\n\
                 authorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            head.into_bytes()
        };
        Requests {
            texts: Arc::new(tokens.iter().map(with_tokens).collect()),
            status,
            turn: Arc::default(),
        }
    }

    /// Returns the first `count` requests.
    pub fn first(&self, count: usize) -> Requests {
        Requests {
            texts: Arc::new(self.texts.iter().take(count).cloned().collect()),
            turn: Arc::default(),
            ..self.clone()
        }
    }

    pub fn distinct(&self) -> usize {
        self.texts.len()
    }

    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(Vec::as_slice)
    }

    pub fn next(&self) -> &[u8] {
        &self.texts[self.turn.fetch_add(1, Ordering::Relaxed) % self.texts.len()]
    }
}
