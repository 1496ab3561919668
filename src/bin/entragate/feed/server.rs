//! Serves the feed over HTTP/1.1, one request per connection. The number, size and time of connections are bounded, and
//! each connection has its own thread, so that a slow client does not delay others.

use super::publisher::Publisher;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The path of the feed.
pub const PATH: &str = "/revoked.json";
/// The path of the status of the streams.
pub const STATUS_PATH: &str = "/status.json";

/// The maximum number of open connections. Further connections are closed.
const MAX_CONNECTIONS: usize = 64;
/// The maximum size of a request head, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// The maximum time of a connection.
const LONGEST: Duration = Duration::from_secs(15);
/// The size of one write, in bytes.
const PIECE: usize = 16 * 1024;

/// Starts threads that serve the feed, and returns the address.
///
/// # Errors
/// The address cannot be used.
pub fn start(listen: SocketAddr, publisher: Arc<Publisher>) -> io::Result<SocketAddr> {
    serve(TcpListener::bind(listen)?, publisher, LONGEST)
}

fn serve(
    listener: TcpListener,
    publisher: Arc<Publisher>,
    longest: Duration,
) -> io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        let open = Arc::new(AtomicUsize::new(0));
        for connection in listener.incoming() {
            let Ok(connection) = connection else {
                // Without file descriptors, the next attempt would fail immediately.
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            let counted = Counted::new(&open);
            if open.load(Ordering::SeqCst) > MAX_CONNECTIONS {
                continue;
            }
            let publisher = publisher.clone();
            let until = Instant::now() + longest;
            let thread = std::thread::Builder::new();
            // A connection whose thread cannot be started is closed.
            let _ = thread.spawn(move || {
                let _counted = counted;
                // The client may have disconnected.
                let _ = answer(connection, &publisher, until);
            });
        }
    });
    Ok(address)
}

/// Counts an open connection until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(open.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn answer(mut connection: TcpStream, publisher: &Publisher, until: Instant) -> io::Result<()> {
    let head = read_head(&mut connection, until)?;
    let (status, kind, text) = respond(&head, publisher);
    let length = text.len();
    let mut response = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
         connection: close\r\n\r\n"
    )
    .into_bytes();
    if !head.starts_with(b"HEAD ") {
        response.extend_from_slice(text.as_bytes());
    }
    for piece in response.chunks(PIECE) {
        connection.set_write_timeout(Some(left(until)?))?;
        connection.write_all(piece)?;
    }
    connection.shutdown(Shutdown::Write)
}

/// Reads up to the end of the head. A body is not read.
fn read_head(connection: &mut TcpStream, until: Instant) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    loop {
        connection.set_read_timeout(Some(left(until)?))?;
        let read = connection.read(&mut piece)?;
        head.extend_from_slice(&piece[..read]);
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            return Ok(head);
        }
        if read == 0 || head.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

fn respond(head: &[u8], publisher: &Publisher) -> (&'static str, &'static str, Arc<str>) {
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain";
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target) = (words.next(), words.next());
    let path = target.and_then(|target| target.split('?').next());
    let status = match path {
        Some(STATUS_PATH) => publisher.status(),
        _ => None,
    };
    if path != Some(PATH) && status.is_none() {
        let text = format!("the feed is at {PATH}\n");
        return ("404 Not Found", TEXT, text.into());
    }
    if !matches!(method, Some("GET" | "HEAD")) {
        return ("405 Method Not Allowed", TEXT, "use GET\n".into());
    }
    if let Some(status) = status {
        return ("200 OK", JSON, status.into());
    }
    match publisher.feed() {
        Ok(feed) => ("200 OK", JSON, feed),
        // A gateway keeps its last feed for `max_stale`.
        Err(reason) => (
            "503 Service Unavailable",
            TEXT,
            format!("{reason}\n").into(),
        ),
    }
}

#[cfg(test)]
mod tests;
