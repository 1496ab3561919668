//! The host shell: turns proxy-wasm callbacks into events for the gate, and the gate's instructions into host
//! calls. It decides nothing. Compiled for wasm only.
//!
//! `abi` contains the host calls. `root`, `http` and `response` receive the callbacks, `request` reads
//! requests, `calls` makes callouts, `effects` executes instructions, `meters` passes metrics to the host, and
//! `crypto` lets the host verify signatures. `kind` determines the host, and `nginx` resumes requests on
//! nginx. `shared` accesses the data that workers share. `memory` wipes freed memory.

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

/// The gate of one plugin in one VM. Without a valid configuration it is `None`, and every request is denied.
/// Borrows are short and never held across a host call, since the host may call back. Exceptions are
/// `verify_signature` and shared data, which call back only to allocate memory.
type Shared = Rc<RefCell<Option<Gate>>>;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| -> Box<dyn RootContext> { Box::new(root::Root::new(id)) });
}}
