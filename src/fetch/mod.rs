//! Calls to other services: callouts and their answers as values, and the refresh schedule, a state machine
//! without I/O.

pub mod callout;
pub mod refresh;
pub mod shared;
