//! HTTP types of the core: header fields, methods, hosts and paths, the upstream cluster, and W3C Trace
//! Context. Input that two servers could read differently is refused.

pub mod authority;
pub mod cluster;
pub mod headers;
pub mod method;
pub mod openai;
pub mod path;
pub mod rate_limit;
pub mod trace_context;
