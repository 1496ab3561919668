//! Which host this is, as far as it makes a difference to the calls we may make.

use super::abi;
use std::cell::OnceCell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Envoy, and whatever keeps to its ways: the root makes the calls and wakes the requests.
    Envoy,
    /// ngx_wasm_module, Kong's engine: nothing but the end of its own call wakes a request, and a
    /// call that the module does not expect aborts the filter.
    Nginx,
}

thread_local! {
    static KIND: OnceCell<Kind> = const { OnceCell::new() };
}

/// Resume once per VM. Only ngx_wasm_module knows this property in a request; in the root it fails,
/// where others say that there is no such thing.
pub fn kind() -> Kind {
    KIND.with(|kind| {
        *kind.get_or_init(|| match abi::property_status(&["ngx", "nginx_version"]) {
            abi::OK | abi::INTERNAL_FAILURE => Kind::Nginx,
            _ => Kind::Envoy,
        })
    })
}
