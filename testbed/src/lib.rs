//! Stand-ins for the services around the gateway, and a runner for a real Envoy.
//!
//! - [`keys`], [`mint`], [`persona`]: the callers and their tokens. Synchronous; for unit tests too.
//! - [`entra`]: Microsoft Entra ID (and a generic OIDC realm), with [`fault`]s on demand.
//! - [`hf`]: a Hugging Face endpoint that records what reaches it.
//! - [`stub`]: any other service the gateway calls, with canned answers.
//! - [`envoy`]: the runner of a real Envoy, configured from the top-level `envoy.yaml`.
//! - [`rate_limits`]: a real rate limit service with a real Redis.
//! - [`control`]: hands out tokens to a person at a terminal.
//! - [`transmitter`]: a transmitter of security events.
//! - [`dashboard`]: a picture of the Grafana dashboard for the docs.
//! - [`tls`], [`client`], [`wait`]: certificates of the stand-ins, a client that trusts them, and waiting for conditions.

pub mod client;
pub mod control;
pub mod dashboard;
pub mod directory;
pub mod entra;
pub mod envoy;
pub mod fault;
pub mod hf;
pub mod keys;
pub mod mint;
pub mod persona;
pub mod rate_limits;
pub mod recorded;
mod redis;
mod server;
pub mod stub;
pub mod tls;
pub mod transmitter;
pub mod wait;

pub use reqwest;
