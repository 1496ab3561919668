//! A minimal endpoint: HTTP/1.1, one thread per connection. It sends a short response or, if the request asks for it, an answer of
//! a given size or a stream of events. It runs outside Envoy's process, so that its CPU time is not counted.

use std::{
    io::{self, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use strict_host::traffic::RESPONSE_BODY;

use crate::{
    contents::{answer, event, last_events},
    http::read_message,
};

/// The time between two events, long enough for Envoy to read each on its own.
const PAUSE: Duration = Duration::from_millis(1);

/// The response that a request asks for in the query of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Short,
    /// A JSON answer of this size.
    Answer(usize),
    /// Events of this size in bytes, without the last two.
    Stream {
        size: usize,
        events: usize,
    },
}

impl Asked {
    pub fn query(self) -> String {
        match self {
            Asked::Short => String::new(),
            Asked::Answer(size) => format!("?answer={size}"),
            Asked::Stream { size, events } => format!("?size={size}&events={events}"),
        }
    }

    /// Reads the first line of a request.
    fn read(first: &str) -> Asked {
        let path = first.split(' ').nth(1).unwrap_or_default();
        let (_, query) = path.split_once('?').unwrap_or_default();
        let number = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(own, _)| *own == name)?;
            value.parse().ok()
        };
        match (number("answer"), number("size"), number("events")) {
            (Some(size), ..) => Asked::Answer(size),
            (None, Some(size), Some(events)) => Asked::Stream { size, events },
            _ => Asked::Short,
        }
    }
}

/// Serves until the process ends.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Errors are ignored: Envoy closes connections that it no longer needs.
            thread::spawn(move || serve(stream));
        }
    });
    Ok(addr)
}

fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(32 * 1024, stream);
    while let Some(request) = read_message(&mut reader)? {
        let writer = reader.get_mut();
        match Asked::read(&request.first) {
            Asked::Short => write_json(writer, RESPONSE_BODY)?,
            Asked::Answer(size) => write_json(writer, &answer(size))?,
            Asked::Stream { size, events } => write_stream(writer, size, events)?,
        }
    }
    Ok(())
}

fn write_json(to: &mut TcpStream, body: &str) -> io::Result<()> {
    to.write_all((head("application/json", body.len()) + body).as_bytes())
}

/// The length is announced, so that the load generator needs no chunked encoding.
fn write_stream(to: &mut TcpStream, size: usize, events: usize) -> io::Result<()> {
    let (event, last) = (event(size), last_events());
    let length = event.len() * events + last.len();
    to.write_all(head("text/event-stream", length).as_bytes())?;
    for _ in 0..events {
        to.write_all(event.as_bytes())?;
        thread::sleep(PAUSE);
    }
    to.write_all(last.as_bytes())
}

fn head(content_type: &str, length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_of_a_request_is_read() {
        let stream = Asked::Stream {
            size: 200,
            events: 300,
        };
        for asked in [Asked::Short, Asked::Answer(64_000), stream] {
            let line = format!("POST /v1/chat/completions{} HTTP/1.1", asked.query());
            assert_eq!(Asked::read(&line), asked, "{line}");
        }
    }
}
