//! The rules: which authenticated caller may make which request.

pub mod pattern;
pub mod rule;
