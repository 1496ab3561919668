//! The filter in a real Envoy, with two workers, between stand-ins for Entra and Hugging Face.

mod bodies;
mod clauses;
mod clients;
mod configuration;
mod credentials;
mod decisions;
mod deployed;
#[path = "../support/docs.rs"]
mod docs;
mod documented;
mod exchange;
mod explain;
mod export;
mod forwarding;
mod gateway;
mod groups;
mod handover;
mod held;
mod hostile;
mod hosts;
mod keys;
mod leases;
mod listing;
mod memory;
mod metrics;
mod models;
mod oci;
mod records;
mod revocation;
mod sharing;
mod signatures;
mod smuggling;
mod trap;
mod upstream;
mod usage;
mod vectors;
