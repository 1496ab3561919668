//! All native tests in one binary, in folders as in src.

#[path = "../support/cli.rs"]
mod command_line;
#[path = "../support/feed.rs"]
mod feed_server;
#[path = "../support/docs.rs"]
mod pages;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/routing.rs"]
mod routing_model;
#[path = "../support/release.rs"]
mod signed_release;
#[path = "../support/mod.rs"]
mod support;

mod agents;
mod agreement;
mod attacks;
mod audit;
mod billing;
mod builds;
mod cache;
mod chain;
mod check;
mod claims;
mod clauses;
mod cli;
mod credentials;
mod denials;
mod deploy;
mod differential;
mod directory;
mod docs;
mod exchange;
mod explain;
mod feed;
mod fetching;
mod fuzz;
mod groups;
mod handover;
mod imports;
mod invariants;
mod jwks;
mod lifecycle;
mod listing;
mod mcp;
mod mcp_responses;
mod mistakes;
mod models;
mod policies;
mod policy_tests;
mod properties;
mod providers;
mod quotas;
mod rate_limits;
mod recipes;
mod release;
mod replay;
mod resource;
mod retained_claims;
mod revocation;
mod robustness;
mod routing;
mod rsa;
mod schema;
mod self_dispatch;
mod service_tokens;
mod sharing;
mod step_up;
mod tenants;
mod tokens;
mod tools;
mod usage;
mod vectors;
mod wrong_token;
