//! The rules: which authenticated caller may make which request.

mod asked;
mod bits;
pub mod cidr;
pub mod decide;
pub mod describe;
pub mod evaluate;
mod index;
pub mod membership;
pub mod pattern;
#[cfg(test)]
mod plain;
mod postings;
pub mod rule;
mod step_up;
pub mod surroundings;
pub mod trace;
pub mod view;
pub mod window;
