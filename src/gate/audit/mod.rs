//! What the gate records: the audit log, its export, and the levels that an operator watches.

pub(in crate::gate) mod export;
pub(in crate::gate) mod gauges;
pub(in crate::gate) mod handover;
