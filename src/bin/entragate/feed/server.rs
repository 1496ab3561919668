//! Serves the feed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tiny_http::{Header, Method, Response, Server};

/// The feed as JSON, or why it is not available.
pub type Current = Arc<RwLock<Result<String, String>>>;

/// The path of the feed.
pub const PATH: &str = "/revoked.json";

/// Serves the feed in a thread of its own, and returns the address.
///
/// # Errors
/// The address cannot be used.
pub fn start(listen: SocketAddr, current: Current) -> io::Result<SocketAddr> {
    let server = Server::http(listen).map_err(io::Error::other)?;
    let address = server.server_addr().to_ip();
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            let is_known = request.url().split('?').next() == Some(PATH);
            let is_read = matches!(request.method(), Method::Get | Method::Head);
            let (status, text) = if !is_known {
                (404, format!("the feed is at {PATH}\n"))
            } else if !is_read {
                (405, "use GET\n".to_owned())
            } else {
                match &*current.read().unwrap_or_else(PoisonError::into_inner) {
                    Ok(feed) => (200, feed.clone()),
                    // A gateway keeps its last feed for `max_stale`.
                    Err(reason) => (503, format!("{reason}\n")),
                }
            };
            let kind = if status == 200 {
                "application/json"
            } else {
                "text/plain"
            };
            let mut response = Response::from_string(text).with_status_code(status);
            if let Ok(header) = Header::from_bytes("content-type", kind) {
                response.add_header(header);
            }
            // The client may be gone.
            let _ = request.respond(response);
        }
    });
    address.ok_or_else(|| io::Error::other("not an IP address"))
}
