//! One request: its headers come in, are disarmed, and wait for the gate's word.

use super::abi::{self, Map};
use super::effects::{self, Taken};
use super::{Shared, root};
use crate::token::signature::JwtSimple;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

pub struct Http {
    id: u32,
    gate: Shared,
}

impl Http {
    pub fn new(id: u32, gate: Shared) -> Self {
        Self { id, gate }
    }

    fn is_permitted(&self) -> bool {
        self.gate
            .borrow()
            .as_ref()
            .is_some_and(|gate| gate.is_permitted(self.id))
    }

    /// Body and trailers stay until the decision is a permit: with
    /// `allow_on_headers_stop_iteration` they would otherwise take the headers along.
    fn pass(&self) -> Action {
        match self.is_permitted() {
            true => Action::Continue,
            false => Action::Pause,
        }
    }
}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let headers = abi::headers(Map::RequestHeaders);
        let disarmed = match (&headers, self.gate.borrow().as_ref()) {
            (Some(headers), Some(gate)) => gate.disarm(headers),
            _ => Vec::new(),
        };
        let clean = disarmed.iter().all(|name| abi::remove_request_header(name));
        let Some(headers) = headers.filter(|_| clean) else {
            effects::refuse("entragate.internal");
            return Action::Pause;
        };
        let now = abi::now();
        let ruling = self.gate.borrow_mut().as_mut().map(|gate| {
            let connection = gate.connection(&abi::property);
            (
                gate.begin(self.id, headers, connection, now, &JwtSimple),
                gate.take_notices(),
            )
        });
        let Some((ruling, notices)) = ruling else {
            effects::refuse("entragate.internal");
            return Action::Pause;
        };
        effects::tell(notices);
        match effects::take(ruling) {
            Taken::Forwarded => Action::Continue,
            Taken::Ended | Taken::Waiting => Action::Pause,
        }
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.pass()
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.pass()
    }

    fn on_log(&mut self) {
        let status = abi::property(&["response", "code"])
            .and_then(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?)))
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| *status > 0);
        let now = abi::now();
        let notices = self.gate.borrow_mut().as_mut().map(|gate| {
            gate.finish(self.id, status, now);
            gate.take_notices()
        });
        effects::tell(notices.unwrap_or_default());
    }
}

impl Context for Http {}

impl Drop for Http {
    fn drop(&mut self) {
        root::forget(&self.gate, self.id);
    }
}
