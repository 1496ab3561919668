//! Stand-ins for what stands around the gateway, and a runner for a real Envoy.
//!
//! - [`keys`], [`mint`], [`persona`]: who calls, with which token. Synchronous; for unit tests too.

pub mod keys;
pub mod mint;
pub mod persona;
