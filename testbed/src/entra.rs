//! A stand-in for Microsoft Entra ID: key sets, discovery documents and the client-credentials grant in Entra's exact
//! shapes, for any tenant, and a generic OIDC realm in Keycloak's shapes.
//!
//! Documents name Entra's real host names: the gateway reaches this server through an Envoy cluster, under TLS, with
//! a certificate for those names.

mod documents;
mod keyring;
mod routes;
mod token_endpoint;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use keyring::Keyring;
pub use token_endpoint::{BATCH_SECRET, LURKER_SECRET};

use crate::{
    fault::Fault,
    keys::SigningKey,
    mint::Token,
    persona::{Persona, REALM_ISSUER},
    server::{Server, lock},
    tls,
};

/// The names in the stand-in's certificate.
pub const HOSTS: [&str; 7] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "sts.windows.net",
    "keycloak.contoso.com",
    "localhost",
    "127.0.0.1",
];

/// A running stand-in. Clones share it; the server stops with the last one.
#[derive(Clone)]
pub struct Entra {
    server: Arc<Server>,
    state: Arc<State>,
}

/// The state that the routes read and the handle changes.
struct State {
    keyring: Mutex<Keyring>,
    jwks_fault: Mutex<Fault>,
    token_fault: Mutex<Fault>,
    jwks_requests: AtomicUsize,
    token_requests: AtomicUsize,
}

impl Entra {
    /// Starts on an ephemeral port of 127.0.0.1, with TLS.
    pub async fn start() -> io::Result<Entra> {
        Entra::start_with(true).await
    }

    /// Starts without TLS.
    pub async fn start_plain() -> io::Result<Entra> {
        Entra::start_with(false).await
    }

    async fn start_with(tls: bool) -> io::Result<Entra> {
        let state = Arc::new(State {
            keyring: Mutex::new(Keyring::new()),
            jwks_fault: Mutex::default(),
            token_fault: Mutex::default(),
            jwks_requests: AtomicUsize::new(0),
            token_requests: AtomicUsize::new(0),
        });
        let tls = tls.then(|| tls::ca().server_config(&HOSTS));
        let server = Server::start(routes::router(state.clone()), tls).await?;
        Ok(Entra {
            server: Arc::new(server),
            state,
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub fn is_tls(&self) -> bool {
        self.server.is_tls()
    }

    /// The base address for direct calls, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A fresh token of this persona, signed by the current key.
    pub fn token(&self, persona: Persona) -> String {
        self.sign(Token::of(persona))
    }

    /// Signs a token under construction with the current key. A token of the realm keeps the realm's key.
    pub fn sign(&self, token: Token) -> String {
        if token.claims_value()["iss"] == REALM_ISSUER {
            return token.build();
        }
        token.signed_by(&self.signing_key()).build()
    }

    /// The key that signs now.
    pub fn signing_key(&self) -> SigningKey {
        self.state.keyring().current()
    }

    /// The keys in the set, without the retired ones.
    pub fn published_keys(&self) -> Vec<SigningKey> {
        self.state.keyring().published().to_vec()
    }

    /// The US Government cloud's key, which is also in the common set. It must not sign for the public cloud.
    pub fn us_gov_key(&self) -> SigningKey {
        self.state.keyring().us_gov()
    }

    /// The key of the consumer tenant in the common set: it must not sign for any other tenant.
    pub fn consumer_key(&self) -> SigningKey {
        self.state.keyring().consumer()
    }

    /// The realm's RS256 key; its ES256 and EdDSA keys are [`crate::keys::cached`].
    pub fn realm_rsa_key(&self) -> SigningKey {
        self.state.keyring().realm_rsa()
    }

    /// Publishes a new signing key and keeps the old ones published. Returns the new key.
    pub fn rotate(&self) -> SigningKey {
        self.state.keyring().rotate()
    }

    /// Withdraws every key but the current one.
    pub fn retire(&self) {
        self.state.keyring().retire();
    }

    /// Sets the fault of every JWKS response; [`Fault::None`] clears it.
    pub fn set_fault(&self, fault: Fault) {
        *lock(&self.state.jwks_fault) = fault;
    }

    /// Sets the fault of the token endpoint.
    pub fn set_token_fault(&self, fault: Fault) {
        *lock(&self.state.token_fault) = fault;
    }

    /// The number of JWKS requests, including those with faulty responses.
    pub fn jwks_requests(&self) -> usize {
        self.state.jwks_requests.load(Ordering::SeqCst)
    }

    /// The number of requests to the token endpoint and the managed-identity endpoint.
    pub fn token_requests(&self) -> usize {
        self.state.token_requests.load(Ordering::SeqCst)
    }
}

impl State {
    fn keyring(&self) -> MutexGuard<'_, Keyring> {
        lock(&self.keyring)
    }

    /// Counts a JWKS request and returns its fault.
    fn jwks_requested(&self) -> Fault {
        self.jwks_requests.fetch_add(1, Ordering::SeqCst);
        *lock(&self.jwks_fault)
    }

    /// Counts a token request and returns its fault.
    fn token_requested(&self) -> Fault {
        self.token_requests.fetch_add(1, Ordering::SeqCst);
        *lock(&self.token_fault)
    }
}
