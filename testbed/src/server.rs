//! The server of the stand-ins: an axum router on an ephemeral port, with TLS or without.
//!
//! Servers run on their own runtime, so that tests can share a server although each test has a shorter-lived runtime, and so
//! that a test without a runtime can use a stand-in.

use std::{
    convert::Infallible,
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::Runtime,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tower::ServiceExt as _;

/// A running server; dropping it closes the port and every connection.
pub(crate) struct Server {
    addr: SocketAddr,
    tls: bool,
    accepting: JoinHandle<()>,
}

/// A response's extension that makes the server drop the connection instead of answering.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abort;

impl Server {
    pub(crate) async fn start(app: Router, tls: Option<Arc<ServerConfig>>) -> io::Result<Server> {
        let is_tls = tls.is_some();
        let listener = runtime()
            .spawn(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .await
            .map_err(io::Error::other)??;
        let addr = listener.local_addr()?;
        let acceptor = tls.map(TlsAcceptor::from);
        let accepting = runtime().spawn(accept(listener, acceptor, app));
        Ok(Server {
            addr,
            tls: is_tls,
            accepting,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// `https://localhost:port` (the certificate knows that name) or `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        if self.tls {
            format!("https://localhost:{}", self.addr.port())
        } else {
            format!("http://{}", self.addr)
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The stand-ins' own runtime; it lives as long as the process.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("testbed")
            .enable_all()
            .build()
            .expect("the system gives the testbed two threads")
    })
}

/// Locks a stand-in's state. A panic leaves no change incomplete, so a poisoned lock can be used.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router) {
    // Owned here, so that aborting this task ends the connections too.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        let _ = stream.set_nodelay(true);
        let (tls, app) = (tls.clone(), app.clone());
        connections.spawn(async move {
            match tls {
                None => serve(stream, app).await,
                // The client reports a failed handshake (wrong CA or name).
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, app).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router) {
    let service = service_fn(move |request| answer(app.clone(), request));
    // Errors here are disconnected clients or requested aborts.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    app: Router,
    request: Request<Incoming>,
) -> Result<Response, Box<dyn Error + Send + Sync>> {
    let response = app
        .oneshot(request.map(Body::new))
        .await
        .unwrap_or_else(|never: Infallible| match never {});
    match response.extensions().get::<Abort>() {
        Some(Abort) => Err("the testbed is configured to drop this connection".into()),
        None => Ok(response),
    }
}
