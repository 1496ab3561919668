//! Target: JSON-RPC bodies.

use super::lenient::{SERVERS, Seen};
use entragate::http::headers::Headers;
use entragate::mcp::{Mcp, RESPONSE};
use entragate::model::Model;
use entragate::model::body::{Body, Content, Needed};

/// Target: the body of a request to an MCP server. The first byte is the size of the pieces in which it arrives. The result
/// does not depend on the pieces, and every server reads the same methods and tools.
pub fn mcp(data: &[u8]) {
    let Some((size, body)) = data.split_first() else {
        return;
    };
    let whole = read(&mut std::iter::once(body), body.len());
    let mut pieces = body.chunks(usize::from(*size).max(1));
    assert_eq!(
        read(&mut pieces, body.len()),
        whole,
        "the result depends on the size of the pieces"
    );
    assert_eq!(whole.model, Model::Unread, "the model is not needed");
    if let Mcp::Unavailable(_) = whole.mcp {
        return;
    }
    let messages = whole.mcp.messages();
    let requests = messages
        .iter()
        .filter(|message| *message.method != *RESPONSE);
    let expected: Vec<Seen> = requests
        .map(|message| Seen {
            method: message.method.to_lowercase(),
            tool: message.tool.as_deref().map(str::to_owned),
        })
        .collect();
    for server in SERVERS {
        let mut seen = server.read(body);
        seen.retain(|message| message.method != RESPONSE);
        assert_eq!(seen, expected, "{server:?}");
    }
    if let Some(id) = whole.mcp.id() {
        assert!(serde_json::from_str::<serde_json::Value>(id).is_ok());
    }
}

fn read(pieces: &mut dyn Iterator<Item = &[u8]>, length: usize) -> Content {
    let headers = Headers::from_iter([("content-type", "application/json")]);
    let needed = Needed {
        model: None,
        messages: true,
    };
    let mut body = Body::expect(&headers, 1 << 16, needed);
    let mut fed = 0;
    for piece in pieces {
        fed += piece.len();
        if body.feed(piece, fed == length) {
            return body.content().clone();
        }
    }
    // An empty body has no last piece, so end it separately.
    body.feed(&[], true);
    body.content().clone()
}
