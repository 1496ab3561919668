//! Audit records, their export, and gauges.

pub(in crate::gate) mod export;
pub(in crate::gate) mod gauges;
pub(in crate::gate) mod handover;
