//! A filter that receives the same callbacks as ours, including headers and body of a request, and does nothing: the minimum
//! cost of any wasm filter.
#![cfg(target_family = "wasm")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Empty::default()));
}}

#[derive(Clone, Copy, Default)]
struct Empty {
    /// Whether bodies of responses are copied from the host, and dropped.
    reads: bool,
}

impl Context for Empty {}

impl RootContext for Empty {
    fn on_configure(&mut self, size: usize) -> bool {
        self.reads = size > 0;
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(*self))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl HttpContext for Empty {
    fn on_http_response_body(&mut self, size: usize, _: bool) -> Action {
        if self.reads {
            std::hint::black_box(self.get_http_response_body(0, size));
        }
        Action::Continue
    }
}
