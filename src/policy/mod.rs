//! The rules: which authenticated caller may make which request.

pub mod cidr;
pub mod decide;
pub mod describe;
pub mod evaluate;
pub mod pattern;
pub mod rule;
mod step_up;
pub mod surroundings;
pub mod window;
