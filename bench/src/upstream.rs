//! The cheapest endpoint there can be: HTTP/1.1, a thread per connection, one canned answer. Its CPU is not Envoy's.

use std::{
    io::{self, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use testbed::everyday::ANSWERED;

use crate::http::read_message;

/// Serves until the process ends.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWERED}",
        ANSWERED.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            // An end is Envoy's wish: it closes connections it no longer needs.
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
