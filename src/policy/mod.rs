//! The rules: which authenticated caller may make which request.

pub mod decide;
pub mod describe;
pub mod evaluate;
pub mod pattern;
pub mod rule;
