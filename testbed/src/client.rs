//! Requests from a test: an HTTP client that trusts the testbed's CA, and raw bytes for requests that no client would send.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use tokio_rustls::rustls::ClientConfig;

use crate::tls;

/// A client that trusts [`tls::ca`] and nothing else, follows no redirects, and gives up after half a minute.
pub fn client() -> reqwest::Client {
    client_with(tls::ca().client_config())
}

/// The same with a client certificate, see [`tls::Ca::client_config_as`].
pub fn client_as(uri: &str) -> reqwest::Client {
    client_with(tls::ca().client_config_as(uri))
}

fn client_with(tls: ClientConfig) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("the client's settings are fixed")
}

/// Sends `bytes` over a fresh TCP connection and returns the bytes received until the peer closes or `deadline` passes.
/// With `connection: close` in the request, the peer closes after its response.
pub async fn raw_http(addr: SocketAddr, bytes: &[u8], deadline: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let reading = async {
        let mut chunk = [0; 16 * 1024];
        loop {
            match stream.read(&mut chunk).await {
                Ok(0) => return Ok(()),
                Ok(n) => answer.extend_from_slice(&chunk[..n]),
                // A reset after a complete answer counts as a close.
                Err(_) if !answer.is_empty() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    match timeout(deadline, reading).await {
        Ok(outcome) => outcome.map(|()| answer),
        Err(_) => Ok(answer),
    }
}

/// A body of unknown length in these pieces. If there are none, HTTP/2 sends an empty DATA frame.
pub fn streamed(pieces: Vec<&'static str>) -> reqwest::Body {
    let pieces = pieces.into_iter().map(Ok::<_, io::Error>);
    reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))
}
