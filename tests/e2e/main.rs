//! The filter in a real Envoy, with two workers, between stand-ins for Entra and Hugging Face.

mod bodies;
mod clauses;
mod clients;
mod configuration;
mod credentials;
mod decisions;
mod explain;
mod forwarding;
mod gateway;
mod groups;
mod hostile;
mod hosts;
mod keys;
mod leases;
mod memory;
mod models;
mod oci;
mod records;
mod revocation;
mod signatures;
mod smuggling;
