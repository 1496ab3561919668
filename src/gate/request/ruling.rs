//! Turns the outcome of a request into the step that the host takes.

use crate::audit::Record;
use crate::audit::filter_state::{FilterState, StateValue};
use crate::credential::store::InjectedCredential;
use crate::decision::{Denial, Grant};
use crate::forward::{self, Edit, Forwarding, Onward};
use crate::gate::request::authorizer::Outcome;
use crate::gate::{Exchange, Gate, Marks, Notice, Ruling, Step, StreamId};
use crate::http::trace_context::Traces;
use crate::metrics;
use crate::reply::{ReplyContext, reply};
use crate::token::claims::Claims;

/// The model in the filter state of requests whose model is unknown.
const UNKNOWN_MODEL: &str = "unknown";

impl Gate {
    /// Turns an outcome into a step, fills the record and counts the decision.
    pub(in crate::gate) fn rule(&mut self, id: StreamId, outcome: Outcome) -> Ruling {
        let replies = &self.config.replies;
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            let denial = Denial::Internal("the request has no exchange");
            let step = Step::Reply(reply(&denial, replies, &ReplyContext::default()));
            return Ruling::undecided(step);
        };
        let step = match outcome {
            Outcome::Wait { .. } => return Ruling::undecided(Step::Wait),
            Outcome::Inspect(_) => return Ruling::undecided(Step::Inspect),
            Outcome::Deny(denial) => {
                exchange.record.deny(&denial);
                Step::Reply(reply(&denial, replies, &exchange.reply_context))
            }
            Outcome::Metadata(resource) => {
                exchange.record.grant(Grant::Metadata, None);
                Step::Reply(resource.reply(&exchange.reply_context))
            }
            Outcome::Permit {
                permit,
                caller,
                credential,
            } => {
                let grant = caller
                    .as_ref()
                    .map_or(Grant::Anonymous, |_| Grant::Permitted);
                exchange.record.grant(grant, Some(permit.rule()));
                let forward = &self.config.forward;
                let caller = caller.as_deref();
                Step::Forward(exchange.permit(
                    forward,
                    credential.as_ref(),
                    caller,
                    &mut self.traces,
                ))
            }
        };
        // If a request without a `traceparent` ends here, its trace contains only the record.
        exchange
            .record
            .trace_id
            .get_or_insert_with(|| self.traces.id());
        self.notices.push(count(&exchange.record));
        self.bodies.release(id);
        Ruling {
            step,
            marks: marks(exchange, self.config.audit.filter_state),
        }
    }
}

impl Exchange {
    /// Notes the permit and its credential, and returns the headers to set.
    fn permit(
        &mut self,
        forwarding: &Forwarding,
        credential: Option<&InjectedCredential>,
        caller: Option<&Claims>,
        traces: &mut Traces,
    ) -> Vec<Edit> {
        self.permitted = true;
        self.carried = credential.map(|credential| credential.carried.clone());
        let payer = credential.and_then(|credential| forwarding.payer(credential));
        self.record.bill_to = payer.cloned();
        let new = self.record.trace_id.is_none().then(|| traces.begin());
        let (new_id, traceparent) = new.map(|new| (new.id, new.traceparent)).unzip();
        let onward = Onward {
            is_listing: self.response.view.is_some(),
            session: self.session.server_id.take(),
            traceparent,
        };
        self.record.trace_id = self.record.trace_id.take().or(new_id);
        forward::edits(forwarding, credential, caller, onward)
    }
}

/// Counts the decision.
pub(in crate::gate) fn count(record: &Record) -> Notice {
    let (issuer, rule) = (record.caller.issuer.as_deref(), record.rule.as_deref());
    Notice::Count(metrics::decision(record.code, issuer, rule).into())
}

/// Returns filter state for Envoy's access log and rate limits, shown by `%FILTER_STATE(wasm.<name>:PLAIN)%`. A
/// permitted request always has a model, since Envoy skips a rate limit whose value is missing.
fn marks(exchange: &Exchange, state: FilterState) -> Marks {
    let record = &exchange.record;
    let model = || record.model.as_deref().unwrap_or(UNKNOWN_MODEL).into();
    let value = |value| match value {
        StateValue::Code => Some(record.code.into()),
        StateValue::Rule => record.rule.clone(),
        StateValue::Oid => record.caller.oid.clone(),
        StateValue::Client => record.caller.client.clone(),
        StateValue::Model => exchange.permitted.then(model),
        StateValue::PromptTokens | StateValue::CompletionTokens | StateValue::TotalTokens => None,
    };
    let chosen = StateValue::ALL
        .into_iter()
        .filter(|value| state.has(*value));
    chosen
        .filter_map(|chosen| Some((chosen.name(), value(chosen)?)))
        .collect()
}
