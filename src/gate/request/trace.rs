//! The trace of a decision, for `entragate explain`. The filter never keeps one.

use crate::gate::Gate;
use crate::gate::request::authorizer::Authorizer;
use crate::model::request::Request;
use crate::policy::trace::RuleTrace;
use crate::token::claims::Claims;
use crate::token::verify::Verified;

impl Gate {
    /// Enables the trace that [`Gate::take_trace`] returns. It holds one request at a time and makes
    /// decisions slower.
    pub fn keep_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// Takes the trace of all rules for the last request.
    pub fn take_trace(&mut self) -> Vec<RuleTrace> {
        let trace = self.trace.as_mut();
        trace.map(std::mem::take).unwrap_or_default()
    }
}

impl Authorizer<'_> {
    /// Records how the rules apply to a request, if the trace is enabled. `caller` is `None` until it is
    /// verified.
    pub fn note_trace(&mut self, request: &Request, caller: Option<&Verified<Claims>>) {
        if let Some(trace) = &mut self.trace {
            **trace = self.config.policy.trace(request, caller, &self.context);
        }
    }
}
