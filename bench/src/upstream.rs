//! A minimal endpoint: HTTP/1.1, one thread per connection, a fixed response or a fixed stream of events. It runs outside Envoy's
//! process, so that its CPU time is not counted.

use std::{
    io::{self, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use testbed::traffic::RESPONSE_BODY;

use crate::http::read_message;

/// The parameter of the path that asks for a stream; its value is the size of an event in bytes.
pub const STREAM: &str = "stream=";
/// The number of events of a stream.
pub const EVENTS: usize = 300;
/// The time between two events, long enough for Envoy to read each on its own.
const PAUSE: Duration = Duration::from_millis(1);
/// The last two events of a stream.
const LAST: [&str; 2] = [
    r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":21,"completion_tokens":300,"total_tokens":321}}"#,
    "[DONE]",
];

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
    let answer = head("application/json", RESPONSE_BODY.len()) + RESPONSE_BODY;
    let mut reader = BufReader::with_capacity(32 * 1024, stream);
    while let Some(first) = read_message(&mut reader)? {
        let writer = reader.get_mut();
        match event_size(&first) {
            None => writer.write_all(answer.as_bytes())?,
            Some(size) => write_stream(writer, size)?,
        }
    }
    Ok(())
}

/// Returns the size of the events that a request's first line asks for.
fn event_size(first: &str) -> Option<usize> {
    let (_, after) = first.split_once(STREAM)?;
    after.split(' ').next()?.parse().ok()
}

/// The length is announced, so that the load generator needs no chunked encoding.
fn write_stream(to: &mut TcpStream, size: usize) -> io::Result<()> {
    let event = event(size);
    let last = LAST.map(|data| format!("data: {data}\n\n")).concat();
    let length = event.len() * EVENTS + last.len();
    to.write_all(head("text/event-stream", length).as_bytes())?;
    for _ in 0..EVENTS {
        to.write_all(event.as_bytes())?;
        thread::sleep(PAUSE);
    }
    to.write_all(last.as_bytes())
}

/// Returns an event of a chat completion, filled up to this size; a shorter size has no more than a token.
fn event(size: usize) -> String {
    const CHUNK: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"meta-llama/Llama-3.1-8B-Instruct","choices":[{"index":0,"delta":{"content":"*"},"finish_reason":null}]}"#;
    const TOKEN: &str = r#"{"t":"*"}"#;
    const AROUND: usize = "data: \n\n".len();
    const MIN_CHUNK: usize = CHUNK.len() + AROUND;
    let data = match size {
        0..MIN_CHUNK => TOKEN,
        _ => CHUNK,
    };
    let fill = size.saturating_sub(data.len() + AROUND) + 1;
    format!("data: {}\n\n", data.replace('*', &"a".repeat(fill)))
}

fn head(content_type: &str, length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_the_size_that_the_path_asks_for() {
        for size in [20, 199, 200, 1000] {
            let line = format!("POST /v1/chat/completions?{STREAM}{size} HTTP/1.1");
            assert_eq!(event_size(&line), Some(size));
            let event = event(size);
            assert_eq!(event.len(), size, "{event}");
        }
        assert_eq!(event_size("POST /v1/chat/completions HTTP/1.1"), None);
    }
}
