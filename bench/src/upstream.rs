//! A minimal endpoint: HTTP/1.1, one thread per connection, one fixed response. It runs outside Envoy's process, so that its
//! CPU time is not counted.

use std::{
    io::{self, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use testbed::traffic::RESPONSE_BODY;

use crate::http::read_message;

/// Serves until the process ends.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{RESPONSE_BODY}",
        RESPONSE_BODY.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            // Errors are ignored: Envoy closes connections that it no longer needs.
            thread::spawn(move || serve(stream, answer.as_bytes()));
        }
    });
    Ok(addr)
}

fn serve(stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(32 * 1024, stream);
    while read_message(&mut reader)?.is_some() {
        reader.get_mut().write_all(answer)?;
    }
    Ok(())
}
