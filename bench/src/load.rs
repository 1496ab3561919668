//! The load generator: a fixed number of persistent connections, one thread each. It sends either as fast as responses arrive
//! (for throughput and CPU cost) or at a fixed rate (for latency, which is counted from the time at which a request was due and
//! not from the time at which a connection was free, so that a slow response also counts against the requests queued behind
//! it).

use std::{
    io::{self, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testbed::traffic::REQUEST_BODY;

use crate::{http::read_message, upstream::STREAM};

/// A divisor of the request interval and a multiple of the number of Envoy's workers.
pub const CONNECTIONS: usize = 8;

const CHAT: &str = "/v1/chat/completions";
const MCP: &str = "/mcp";
/// A call of a tool, as long as the chat request.
const TOOL_CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"model_search","arguments":{"query":"Who may pass?","task":"text-generation","limit":10},"_meta":{"progressToken":7}}}"#;

/// A piece of a prompt as JSON writes it: source code, with escapes.
const PROMPT: &str = r#"    if token.is_none() {\n        return Err(Denial::TokenMissing(\"Authorization\"));\n    }\n    let caller = verify(token, &keys)?;\n"#;

/// Complete HTTP requests that are sent in rotation, and the status that all of them are expected to get.
#[derive(Clone)]
pub struct Requests {
    texts: Arc<Vec<Vec<u8>>>,
    status: u16,
    turn: Arc<AtomicUsize>,
}

impl Requests {
    /// One request per token; all are permitted.
    pub fn permitted(tokens: &[String]) -> Requests {
        Requests::with_tokens(tokens, CHAT, REQUEST_BODY, 200)
    }

    /// One call of an MCP tool per token; all are permitted.
    pub fn tool_calls(tokens: &[String]) -> Requests {
        Requests::with_tokens(tokens, MCP, TOOL_CALL, 200)
    }

    /// One request per token for a stream of events, each of this size in bytes; all are permitted.
    pub fn streams(tokens: &[String], event: usize) -> Requests {
        let path = format!("{CHAT}?{STREAM}{event}");
        Requests::with_tokens(tokens, &path, REQUEST_BODY, 200)
    }

    /// One request per token, whose body has about this size in bytes and names its model last; all are permitted.
    pub fn prompts(tokens: &[String], size: usize) -> Requests {
        let content = PROMPT.repeat(size / PROMPT.len());
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"{content}"}}],"max_tokens":64,"model":"meta-llama/Llama-3.1-8B-Instruct"}}"#
        );
        Requests::with_tokens(tokens, CHAT, &body, 200)
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

    fn next(&self) -> &[u8] {
        &self.texts[self.turn.fetch_add(1, Ordering::Relaxed) % self.texts.len()]
    }
}

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
        for text in requests.texts.iter() {
            connection.request(text, requests.status)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Sends `rate` requests a second for `span`. Returns every request's latency.
pub fn at_rate(
    to: SocketAddr,
    requests: &Requests,
    rate: f64,
    span: Duration,
) -> io::Result<Vec<Duration>> {
    let gap = Duration::from_secs_f64(CONNECTIONS as f64 / rate);
    let started = Instant::now() + Duration::from_millis(20);
    let latencies = on_connections(
        to,
        requests,
        CONNECTIONS,
        move |connection, requests, index| {
            let mut due = started + gap.mul_f64(index as f64 / CONNECTIONS as f64);
            let mut latencies = Vec::new();
            while due < started + span {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                connection.request(requests.next(), requests.status)?;
                latencies.push(due.elapsed());
                due += gap;
            }
            Ok(latencies)
        },
    )?;
    Ok(latencies.into_iter().flatten().collect())
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
            thread::spawn(move || work(&mut Connection::open(to)?, &requests, index))
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

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(to: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Connection(BufReader::with_capacity(32 * 1024, stream)))
    }

    fn request(&mut self, text: &[u8], expected: u16) -> io::Result<()> {
        self.0.get_mut().write_all(text)?;
        let line = read_message(&mut self.0)?.ok_or(io::ErrorKind::UnexpectedEof)?;
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
