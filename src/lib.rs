//! entragate: a proxy-wasm filter that permits only Microsoft Entra ID identities to query Hugging Face
//! endpoints.
//!
//! [`gate`] combines the other modules. [`token`], [`keys`], [`revocation`], [`groups`], [`policy`],
//! [`credential`], [`cache`] and [`sharing`] each implement one part. [`decision`] defines every outcome;
//! [`reply`], [`audit`] and [`metrics`] report it. [`config`] compiles the settings. Only the module `host` depends on
//! the proxy, and it is compiled only for wasm.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]
#![deny(unsafe_code)]
#![deny(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable
)]
#![warn(missing_debug_implementations)]

pub mod audit;
pub mod cache;
pub mod config;
pub mod credential;
pub mod decision;
pub mod export;
pub mod fetch;
pub mod forward;
pub mod gate;
pub mod groups;
pub mod hash;
#[cfg(target_family = "wasm")]
mod host;
pub mod http;
pub mod json;
pub mod keys;
pub mod logic;
pub mod mcp;
pub mod metrics;
pub mod model;
pub mod pattern;
pub mod policy;
pub mod reply;
pub mod revocation;
pub mod secret;
pub mod service_auth;
pub mod sharing;
pub mod text;
pub mod time;
pub mod token;
pub mod usage;
