//! entragate: a proxy-wasm filter that lets Microsoft Entra ID identities, and nobody else, query
//! Hugging Face endpoints.
//!
//! The rooms: [`gate`] assembles; [`token`], [`keys`], [`revocation`], [`groups`], [`policy`], [`credential`],
//! [`cache`], [`sharing`] each do one part;
//! [`decision`] names every outcome and [`reply`], [`audit`] and [`metrics`] show it; [`config`]
//! makes the settings. Only `host` knows the host, and only wasm builds have it.

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
#[cfg(target_family = "wasm")]
mod host;
pub mod http;
pub mod json;
pub mod keys;
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
