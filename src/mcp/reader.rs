//! Collects a body up to a limit and reads it as a whole, since JSON-RPC has no order of members.

use super::declared::Declared;
use super::{Mcp, message};
use crate::decision::BodyUnavailable;
use crate::http::headers::Headers;

/// A body that is being collected.
#[derive(Debug)]
pub struct Reader {
    limit: usize,
    body: Vec<u8>,
    declared: Declared,
    /// Why content cannot be read; `None` if it can.
    unreadable: Option<BodyUnavailable>,
}

impl Reader {
    /// `limit` is the maximum size of a body that is read, in bytes. With `unreadable`, only an empty body is accepted.
    pub fn new(headers: &Headers, limit: usize, unreadable: Option<BodyUnavailable>) -> Self {
        Self {
            limit,
            body: Vec::new(),
            declared: Declared::of(headers),
            unreadable,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// The reason why the body cannot be read.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), BodyUnavailable> {
        match self.unreadable {
            Some(reason) if !piece.is_empty() => Err(reason),
            _ if self.body.len().saturating_add(piece.len()) > self.limit => {
                Err(BodyUnavailable::TooLarge { limit: self.limit })
            }
            _ => {
                self.body.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// Ends the body and returns its messages.
    pub fn finish(&self) -> Mcp {
        let read = message::read(&self.body);
        let agreed = read.and_then(|mcp| self.declared.agree_with(&mcp).map(|()| mcp));
        agreed.unwrap_or_else(Mcp::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"{"id":1,"method":"tools/list"}"#;

    fn reader(limit: usize, unreadable: Option<BodyUnavailable>) -> Reader {
        Reader::new(&Headers::default(), limit, unreadable)
    }

    #[test]
    fn body_is_read_from_pieces_up_to_the_limit() {
        let mut own = reader(LIST.len(), None);
        for piece in LIST.chunks(7) {
            assert_eq!(own.feed(piece), Ok(()));
        }
        assert_eq!(&*own.finish().messages()[0].method, "tools/list");
        let limit = LIST.len();
        assert_eq!(own.feed(b" "), Err(BodyUnavailable::TooLarge { limit }));
    }

    #[test]
    fn unreadable_body_may_only_be_empty() {
        let reason = BodyUnavailable::Unreadable("it is compressed");
        let mut own = reader(9, Some(reason));
        assert_eq!(own.feed(b""), Ok(()));
        assert_eq!(own.finish(), Mcp::None);
        assert_eq!(own.feed(b"{"), Err(reason));
    }

    #[test]
    fn contradicting_header_makes_the_body_unavailable() {
        let headers = Headers::from_iter([("mcp-method", "ping")]);
        let mut own = Reader::new(&headers, 100, None);
        own.feed(LIST).unwrap();
        let unavailable = own.finish().unavailable();
        assert!(matches!(unavailable, Some(BodyUnavailable::Ambiguous(_))));
    }
}
