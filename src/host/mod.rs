//! The host shell: turns proxy-wasm callbacks into events for the gate, and what the gate says into
//! host calls. It decides nothing. Compiled for wasm only.
//!
//! `abi` makes the host calls, `root`, `http` and `response` receive the callbacks, `request` reads what
//! came, `calls` makes callouts, `effects` carries out, `meters` keeps the host's metrics, `crypto` asks the
//! host about signatures. `kind` says which host it is, and `nginx` is how requests wait on nginx.
//! `shared` is what workers share. `memory` wipes what is freed.

mod abi;
mod calls;
mod crypto;
mod effects;
#[cfg(feature = "test-hooks")]
mod hooks;
mod http;
mod kind;
mod memory;
mod meters;
mod nginx;
mod request;
mod response;
mod root;
mod shared;

use crate::gate::Gate;
use proxy_wasm::traits::RootContext;
use proxy_wasm::types::LogLevel;
use std::cell::RefCell;
use std::rc::Rc;

/// The gate of one plugin in one VM; `None` before a valid configuration came, and then everything
/// is denied. Borrows are short and never held across a host call, since the host may call back; but
/// for `verify_signature` and shared data, which call back for memory only.
type Shared = Rc<RefCell<Option<Gate>>>;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| -> Box<dyn RootContext> { Box::new(root::Root::new(id)) });
}}
