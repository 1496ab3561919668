//! The part of HTTP/1.1 that is needed to count messages: messages with a Content-Length on persistent connections.

use std::io::{self, BufRead, Read};

/// The maximum length of the first line and the headers, in bytes.
const MAX_HEAD: u64 = 64 * 1024;

/// Reads one message and discards its body. Returns its first line; `None` at the end of the connection.
pub fn read_message(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut first = String::new();
    let mut length = 0;
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
            Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => {
                return Err(io::Error::other("the message has no content-length"));
            }
            _ => {}
        }
    }
    let read = io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    if read == length {
        Ok(Some(first.trim_end().to_owned()))
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
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 403 Forbidden\r\n\r\n";
        let mut next = || read_message(&mut bytes).unwrap();
        assert_eq!(next().as_deref(), Some("HTTP/1.1 200 OK"));
        assert_eq!(next().as_deref(), Some("HTTP/1.1 403 Forbidden"));
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
