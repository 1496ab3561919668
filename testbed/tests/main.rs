//! Tests of the testbed, on which the gateway's tests rely. One binary, since linking takes longer than running.

mod command;
mod entra;
mod envoy;
mod hf;
mod stub;
mod tokens;
