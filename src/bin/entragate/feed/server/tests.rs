//! Clients that are slow or silent, and too many clients.

use super::*;
use serde_json::json;

/// A server whose connections last at most this long.
fn server(longest: Duration, feed: serde_json::Value) -> SocketAddr {
    let publisher = Arc::new(Publisher::new(true, None));
    publisher.set_directories(Ok(feed));
    publisher.publish();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    serve(listener, publisher, longest).unwrap()
}

fn small() -> serde_json::Value {
    json!({"oids": ["a"]})
}

fn ask(server: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(server).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn request_is_answered_by_its_path_and_method() {
    let server = server(LONGEST, small());
    for (request, status, body) in [
        (
            "GET /revoked.json HTTP/1.1\r\nhost: a\r\n\r\n",
            200,
            r#"{"oids":["a"]}"#,
        ),
        (
            "GET /revoked.json?a=b HTTP/1.1\r\n\r\n",
            200,
            r#"{"oids":["a"]}"#,
        ),
        ("HEAD /revoked.json HTTP/1.1\r\n\r\n", 200, ""),
        ("POST /revoked.json HTTP/1.1\r\n\r\n", 405, "use GET\n"),
        (
            "GET / HTTP/1.1\r\n\r\n",
            404,
            "the feed is at /revoked.json\n",
        ),
        // Without streams.
        (
            "GET /status.json HTTP/1.1\r\n\r\n",
            404,
            "the feed is at /revoked.json\n",
        ),
    ] {
        let answer = ask(server, request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
        let (head, found) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(found, body, "{request}");
        assert!(head.contains("content-length: "), "{head}");
    }
}

#[test]
fn slow_client_is_disconnected_and_does_not_delay_others() {
    let longest = Duration::from_millis(300);
    // Larger than the buffers of a connection.
    let server = server(longest, json!({"oids": ["a".repeat(16 << 20)]}));
    let mut reads_nothing = TcpStream::connect(server).unwrap();
    reads_nothing
        .write_all(b"GET /revoked.json HTTP/1.1\r\n\r\n")
        .unwrap();
    let mut silent = TcpStream::connect(server).unwrap();
    let answer = ask(server, "GET / HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let mut answer = Vec::new();
    assert!(
        matches!(silent.read_to_end(&mut answer), Ok(0)),
        "closed without an answer"
    );
    // The time limit of the earlier connection has passed, too.
    let mut answer = Vec::new();
    let _ = reads_nothing.read_to_end(&mut answer);
    assert!(answer.len() < 16 << 20, "{} bytes", answer.len());
}

#[test]
fn connections_are_bounded() {
    let server = server(Duration::from_millis(500), small());
    let silent: Vec<TcpStream> = (0..2 * MAX_CONNECTIONS)
        .map(|_| TcpStream::connect(server).unwrap())
        .collect();
    let began = Instant::now();
    let mut closed_at_once = 0;
    for mut connection in silent {
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        closed_at_once += usize::from(began.elapsed() < Duration::from_millis(100));
        assert!(answer.is_empty());
    }
    assert!(closed_at_once <= MAX_CONNECTIONS + 8, "{closed_at_once}");
    let answer = ask(server, "GET /revoked.json HTTP/1.1\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 200 "),
        "the others are served again: {answer}"
    );
}

#[test]
fn endless_head_is_refused() {
    let server = server(LONGEST, small());
    let mut connection = TcpStream::connect(server).unwrap();
    let line = format!("x: {}\r\n", "a".repeat(1000));
    let refused = (0..100).any(|_| connection.write_all(line.as_bytes()).is_err());
    let mut answer = Vec::new();
    let is_closed = connection.read_to_end(&mut answer).is_err() || answer.is_empty();
    assert!(refused || is_closed);
}
