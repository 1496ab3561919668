//! Just enough of HTTP/1.1 to count answers: messages whose length is told, on connections that are kept.

use std::io::{self, BufRead, Read};

/// Longest first line and headers.
const MAX_HEAD: u64 = 64 * 1024;

/// Reads one message and throws its body away. Returns its first line; `None` at the end of the connection.
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
                return Err(io::Error::other("a message whose length is not told"));
            }
            _ => {}
        }
    }
    let read = io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    match read == length {
        true => Ok(Some(first.trim_end().to_owned())),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let mut bytes: &[u8] =
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 403 Forbidden\r\n\r\n";
        let mut next = || read_message(&mut bytes).unwrap();
        assert_eq!(next().as_deref(), Some("HTTP/1.1 200 OK"));
        assert_eq!(next().as_deref(), Some("HTTP/1.1 403 Forbidden"));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_message_cut_short_is_an_error() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "GET /\r\ncontent-length: 5\r\n\r\nabc",
        ] {
            assert!(read_message(&mut text.as_bytes()).is_err(), "{text}");
        }
    }
}
