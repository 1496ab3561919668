//! The testbed's own tests: what the gateway's tests rely on. One binary, since linking costs more than running.

mod command;
mod entra;
mod envoy;
mod hf;
mod stub;
mod tokens;
