//! The filter in a real Envoy, with two workers, between stand-ins for Entra and Hugging Face.

mod bodies;
mod chart;
mod clauses;
mod clients;
mod coding_agents;
mod configuration;
mod credentials;
mod decisions;
mod demo;
mod deployed;
mod directory;
#[path = "../support/docs.rs"]
mod docs;
mod documented;
mod event_tokens;
mod exchange;
mod explain;
mod export;
#[path = "../support/feed.rs"]
mod feed_server;
mod forwarding;
mod gateway;
mod groups;
mod grpc_web;
mod handover;
mod held;
mod hostile;
mod hosts;
mod keys;
#[path = "../support/lenient.rs"]
mod lenient;
mod listing;
mod mcp;
mod mcp_clients;
mod mcp_lists;
mod memory;
#[path = "../support/messages.rs"]
mod messages;
mod metrics;
mod models;
mod monitoring;
mod oci;
mod preflights;
mod providers;
mod quotas;
#[path = "../support/random.rs"]
mod random;
mod rate_limits;
mod records;
mod release;
mod revocation;
mod routes;
mod routing;
#[path = "../support/routing.rs"]
mod routing_model;
mod service_tokens;
mod shared_signals;
mod sharing;
mod signatures;
#[path = "../support/release.rs"]
mod signed_release;
mod smuggling;
mod trap;
mod upstream;
mod usage;
mod vectors;
mod without_content;
