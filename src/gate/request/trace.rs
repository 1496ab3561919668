//! Why the gate decided as it did, for whoever asks before shipping a configuration. Proxies never do.

use crate::gate::Gate;
use crate::gate::request::authorizer::Authorizer;
use crate::model::request::Request;
use crate::policy::trace::RuleTrace;
use crate::token::claims::Claims;
use crate::token::verify::Verified;

impl Gate {
    /// From now on keeps how the rules met a request, for [`Gate::take_trace`]. For one request at a
    /// time, and nobody in a hurry.
    pub fn keep_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// All rules as the last request met them.
    pub fn take_trace(&mut self) -> Vec<RuleTrace> {
        let trace = self.trace.as_mut();
        trace.map(std::mem::take).unwrap_or_default()
    }
}

impl Authorizer<'_> {
    /// Writes down how the rules meet a request, if anyone wants to know; `caller` once it is known.
    pub fn note_trace(&mut self, request: &Request, caller: Option<&Verified<Claims>>) {
        if let Some(trace) = &mut self.trace {
            **trace = self
                .config
                .policy
                .trace(request, caller, &self.surroundings);
        }
    }
}
