//! The load generator: a fixed number of persistent connections, one thread each. It sends either as fast as responses arrive
//! (for throughput and CPU cost) or at a fixed rate (for latency, which is counted from the time at which a request was due and
//! not from the time at which a connection was free, so that a slow response also counts against the requests queued behind
//! it).

use std::{
    io::{self, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    http::{Message, read_message},
    requests::Requests,
};

/// The status of a response that arrives before the body has been sent.
const TOO_LARGE: u16 = 413;

/// The number of connections, a multiple of the number of Envoy's workers. At a fixed rate, each sends every `CONNECTIONS / rate`
/// seconds.
pub const CONNECTIONS: usize = 8;

/// Sends `count` requests as fast as they are answered. Returns how long it took.
pub fn saturate(to: SocketAddr, requests: &Requests, count: usize) -> io::Result<Duration> {
    let left = Arc::new(AtomicUsize::new(count));
    let started = Instant::now();
    on_connections(to, requests, CONNECTIONS, move |connection, requests, _| {
        let take = || {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
        };
        while take().is_ok() {
            connection.request(requests.next(), requests.status)?;
        }
        Ok(())
    })?;
    Ok(started.elapsed())
}

/// Sends every request once over each of `connections` connections.
pub fn each_on(to: SocketAddr, requests: &Requests, connections: usize) -> io::Result<()> {
    on_connections(to, requests, connections, |connection, requests, _| {
        for text in requests.all() {
            connection.request(text, requests.status)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Sends one request over a new connection.
pub fn once(to: SocketAddr, requests: &Requests) -> io::Result<()> {
    Connection::new(to).request(requests.next(), requests.status)
}

/// The outcome of requests at a fixed rate.
#[derive(Default)]
pub struct Paced {
    pub latencies: Vec<Duration>,
    pub failures: Vec<io::Error>,
}

impl Paced {
    /// Returns the latencies if no request has failed.
    pub fn without_failure(self) -> io::Result<Vec<Duration>> {
        match self.failures.into_iter().next() {
            Some(failure) => Err(failure),
            None => Ok(self.latencies),
        }
    }
}

/// Sends `rate` requests a second for `span`.
pub fn at_rate(
    to: SocketAddr,
    requests: &Requests,
    rate: f64,
    span: Duration,
) -> io::Result<Paced> {
    let gap = Duration::from_secs_f64(CONNECTIONS as f64 / rate);
    let started = Instant::now() + Duration::from_millis(20);
    let shares = on_connections(
        to,
        requests,
        CONNECTIONS,
        move |connection, requests, index| {
            let mut due = started + gap.mul_f64(index as f64 / CONNECTIONS as f64);
            let mut paced = Paced::default();
            while due < started + span {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let outcome = connection.request(requests.next(), requests.status);
                paced.latencies.push(due.elapsed());
                paced.failures.extend(outcome.err());
                due += gap;
            }
            Ok(paced)
        },
    )?;
    let mut all = Paced::default();
    for share in shares {
        all.latencies.extend(share.latencies);
        all.failures.extend(share.failures);
    }
    Ok(all)
}

/// Runs `work` on all connections at the same time, with the index of each.
fn on_connections<T: Send + 'static>(
    to: SocketAddr,
    requests: &Requests,
    connections: usize,
    work: impl Fn(&mut Connection, &Requests, usize) -> io::Result<T> + Clone + Send + 'static,
) -> io::Result<Vec<T>> {
    let threads: Vec<_> = (0..connections)
        .map(|index| {
            let (work, requests) = (work.clone(), requests.clone());
            thread::spawn(move || work(&mut Connection::new(to), &requests, index))
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| {
            thread
                .join()
                .map_err(|_| io::Error::other("a load thread panicked"))?
        })
        .collect()
}

/// A connection that is opened for the first request, and again after the server has announced its end, or after an error.
struct Connection {
    to: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    fn new(to: SocketAddr) -> Connection {
        Connection { to, stream: None }
    }

    fn request(&mut self, text: &[u8], expected: u16) -> io::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => open(self.to)?,
        };
        let response = if expected == TOO_LARGE {
            read_during_write(stream, text)?
        } else {
            stream.get_mut().write_all(text)?;
            let response = read_message(&mut stream)?;
            if response.as_ref().is_some_and(|response| !response.is_last) {
                self.stream = Some(stream);
            }
            response
        };
        let line = response.ok_or(io::ErrorKind::UnexpectedEof)?.first;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        if status == Some(expected) {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "the response starts with {line:?}; expected status {expected}"
            )))
        }
    }
}

/// Sends a request whose response may arrive before the end of its body, and closes the connection after the response.
fn read_during_write(mut stream: BufReader<TcpStream>, text: &[u8]) -> io::Result<Option<Message>> {
    let mut writer = stream.get_ref().try_clone()?;
    thread::scope(|scope| {
        // The writer's error is ignored: the server has closed the connection after its response.
        scope.spawn(move || writer.write_all(text));
        let response = read_message(&mut stream);
        // Ends the writer, which otherwise waits until the server reads.
        stream.get_ref().shutdown(Shutdown::Both)?;
        response
    })
}

fn open(to: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(BufReader::with_capacity(32 * 1024, stream))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that answers the requests of each connection with these responses, one after the other, and closes it.
    fn server(responses: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    for response in responses {
                        if let Ok(Some(_)) = read_message(&mut reader) {
                            let _ = reader.get_mut().write_all(response.as_bytes());
                        }
                    }
                });
            }
        });
        addr
    }

    #[test]
    fn connection_is_opened_again_after_its_announced_end() {
        const CLOSING: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        let to = server(&[CLOSING]);
        let mut connection = Connection::new(to);
        for _ in 0..3 {
            connection.request(b"GET / HTTP/1.1\r\n\r\n", 200).unwrap();
        }
    }

    #[test]
    fn failed_requests_are_reported_and_do_not_end_the_load() {
        // The connection ends without an announcement.
        let to = server(&["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 503 Busy\r\n\r\n"]);
        let requests = Requests::permitted(&["token".into()]);
        let paced = at_rate(to, &requests, 400.0, Duration::from_millis(100)).unwrap();
        assert_eq!(paced.latencies.len(), 40);
        let is = |text: &str| {
            let failures = paced.failures.iter();
            failures
                .filter(|error| error.to_string().contains(text))
                .count()
        };
        // On each connection: permitted, 503, closed, permitted, 503.
        assert_eq!(is("503"), 16, "{:?}", paced.failures);
        assert_eq!(paced.failures.len(), 24, "{:?}", paced.failures);
    }
}
