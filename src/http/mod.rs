//! HTTP as the core sees it: header fields, methods, hosts and paths, the upstream cluster, and W3C Trace
//! Context. What two servers could read differently is refused.

pub mod authority;
pub mod cluster;
pub mod headers;
pub mod method;
pub mod path;
pub mod trace_context;
