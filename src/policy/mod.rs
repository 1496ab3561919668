//! The rules: which authenticated caller may make which request.

mod bits;
pub mod cidr;
pub mod context;
pub mod decide;
mod index;
pub mod membership;
pub mod messages;
mod places;
mod postings;
#[cfg(test)]
mod reference;
pub mod requirement;
pub mod rule;
mod step_up;
pub mod tools;
pub mod trace;
pub mod view;
pub mod window;
