//! The part of HTTP/1.1 that is needed to count messages: messages with a Content-Length on persistent connections.

use std::io::{self, BufRead, Read};

/// The maximum length of the first line and the headers, in bytes.
const MAX_HEAD: u64 = 64 * 1024;

/// A message whose body has been discarded.
pub struct Message {
    /// The first line.
    pub first: String,
    /// Whether the sender closes the connection after this message.
    pub is_last: bool,
}

/// Reads one message and discards its body. Returns `None` at the end of the connection.
pub fn read_message(reader: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut first = String::new();
    let mut length = 0;
    let mut is_last = false;
    let mut head = reader.by_ref().take(MAX_HEAD);
    if head.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            Some((name, value)) if name.eq_ignore_ascii_case("connection") => {
                is_last = value.trim().eq_ignore_ascii_case("close");
            }
            Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => {
                return Err(io::Error::other("the message has no content-length"));
            }
            _ => {}
        }
    }
    let read = io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    if read == length {
        let first = first.trim_end().to_owned();
        Ok(Some(Message { first, is_last }))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_messages_are_read_separately() {
        let mut bytes: &[u8] =
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 403 Forbidden\r\nConnection: Close\r\n\r\n";
        let mut next = || {
            let message = read_message(&mut bytes).unwrap();
            message.map(|message| (message.first, message.is_last))
        };
        assert_eq!(next(), Some(("HTTP/1.1 200 OK".into(), false)));
        assert_eq!(next(), Some(("HTTP/1.1 403 Forbidden".into(), true)));
        assert_eq!(next(), None);
    }

    #[test]
    fn truncated_message_is_an_error() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "GET /\r\ncontent-length: 5\r\n\r\nabc",
        ] {
            assert!(read_message(&mut text.as_bytes()).is_err(), "{text}");
        }
    }
}
