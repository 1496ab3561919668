//! One request from its headers to a decision: the authorizer, pending requests and body inspection.

pub(in crate::gate) mod authorize;
pub(in crate::gate) mod authorizer;
pub(in crate::gate) mod body_limits;
pub(in crate::gate) mod connection;
pub(in crate::gate) mod groups;
pub(in crate::gate) mod host_limits;
pub(in crate::gate) mod identify;
pub(in crate::gate) mod inspect;
pub(in crate::gate) mod mcp;
pub(in crate::gate) mod pending;
mod read;
mod ruling;
pub(in crate::gate) mod self_dispatch;
pub(in crate::gate) mod trace;
