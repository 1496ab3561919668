//! The kind of the host, which determines the host calls that are allowed.

use super::abi;
use std::cell::OnceCell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Envoy and compatible hosts: the root context makes the calls and resumes requests.
    Envoy,
    /// ngx_wasm_module, Kong's engine: a request resumes only when its own call ends, and an unexpected host
    /// call aborts the filter.
    Nginx,
}

thread_local! {
    static KIND: OnceCell<Kind> = const { OnceCell::new() };
}

/// Returns the kind of the host, determined once per VM. Only ngx_wasm_module knows this property, and only in
/// a request; in the root context it reports a failure where other hosts report that the property does not
/// exist.
pub fn kind() -> Kind {
    KIND.with(|kind| {
        *kind.get_or_init(|| match abi::property_status("ngx\0nginx_version") {
            abi::OK | abi::INTERNAL_FAILURE => Kind::Nginx,
            _ => Kind::Envoy,
        })
    })
}
