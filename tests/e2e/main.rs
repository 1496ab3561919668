//! The filter in a real Envoy, with two workers, between stand-ins for Entra and Hugging Face.

mod bodies;
mod clauses;
mod clients;
mod configuration;
mod credentials;
mod decisions;
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
mod hostile;
mod hosts;
mod keys;
mod leases;
mod listing;
mod memory;
mod metrics;
mod models;
mod oci;
#[path = "../support/random.rs"]
mod random;
mod records;
mod revocation;
mod routes;
mod routing;
#[path = "../support/routing.rs"]
mod routing_model;
mod sharing;
mod signatures;
mod smuggling;
mod trap;
mod upstream;
mod usage;
mod vectors;
