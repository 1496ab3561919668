//! Calls to other services and when to make them: callouts and their answers as values, and the schedule
//! of refreshes as a state machine without I/O.

pub mod callout;
pub mod refresh;
