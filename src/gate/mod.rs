//! The only assembler. Events go in: a request's headers, an answer to a callout, a tick, the end of
//! a response. What to do comes out: a step for the request, and calls, wake-ups and notices to be
//! taken. It decides everything and touches nothing; the host shell does the reverse.

mod audit;
mod fetch;
mod request;
mod response;
mod stream_id;

use crate::audit::{self as records, Record};
use crate::cache::TokenCache;
use crate::config::Config;
use crate::credential::store::{Carried, CredentialStore};
use crate::decision::{Denial, Grant};
use crate::export::Exporter;
use crate::fetch::callout::Callout;
use crate::forward::{self, Edit, Onward};
use crate::groups::Lookups;
use crate::http::cluster::Cluster;
use crate::http::headers::Headers;
use crate::http::trace_context::Traces;
use crate::keys::issuer_keys::IssuerKeys;
use crate::metrics;
use crate::model::body::Body;
use crate::policy::context::RequestContext;
use crate::policy::trace::RuleTrace;
use crate::reply::{Dialect, Reply, ReplyContext, reply};
use crate::revocation::Revocation;
use crate::service_auth::auth::ServiceTokens;
use crate::sharing::Mailbox;
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;
use crate::usage::labels::Labels;
use audit::handover::Phase;
pub use fetch::answers::CallId;
use fetch::fetch_sharing::Sharing;
use request::authorizer::{Outcome, Signed, WaitBudget};
use request::body_limits::HeldBodies;
use request::inspect::{Inspections, Received};
use request::pending::{PendingRequests, Resume};
use response::Response;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use stream_id::{ByStream, RequestIds};

pub use request::connection::{Connection, Property, Wanted};
pub use request::host_limits::HostLimits;
pub use response::{Origin, Return, Returned};

/// Names a request while it lives; the host chooses it.
pub type StreamId = u32;

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Set these headers and let it go upstream.
    Forward(Vec<Edit>),
    Reply(Reply),
    /// Hold it, headers and body, until it is named by [`Gate::take_wakeups`].
    Wait,
    /// Hold it, headers and body, and hand the body to [`Gate::body`] until that rules.
    Inspect,
}

/// A step, and what the host's own access log should know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub step: Step,
    /// Filter state: name and value. Empty while waiting, and where nobody wants it.
    pub marks: Vec<(&'static str, Arc<str>)>,
}

impl Ruling {
    fn undecided(step: Step) -> Self {
        let marks = Vec::new();
        Self { step, marks }
    }
}

/// A callout to make from the root; its answer comes back with the ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub ticket: CallId,
    pub callout: Callout,
}

/// Something to tell the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Add one to the counter of that name.
    Count(Cow<'static, str>),
    /// Add so many to it.
    Add(Cow<'static, str>, u64),
    /// An audit record, one line of JSON, to log at that level.
    Audit(log::Level, String),
    Log(log::Level, String),
}

/// All state of one VM.
#[derive(Debug)]
pub struct Gate {
    config: Config,
    wanted: Wanted,
    issuer_keys: Vec<IssuerKeys>,
    leases: ServiceTokens,
    revocation: Option<Revocation>,
    credential_store: CredentialStore,
    labels: Labels,
    exporter: Option<Exporter>,
    /// By which one VM exports for all.
    mailbox: Option<Mailbox>,
    phase: Phase,
    /// One for each issuer, where its callers are looked up.
    lookups: Vec<Option<Lookups>>,
    exchanges: HashMap<StreamId, Exchange, ByStream>,
    waiting: PendingRequests,
    inspections: Inspections,
    host: HostLimits,
    bodies: HeldBodies,
    cache: TokenCache,
    sharing: Sharing,
    calls: Vec<Call>,
    wakeups: Vec<StreamId>,
    notices: Vec<Notice>,
    trace: Option<Vec<RuleTrace>>,
    traces: Traces,
    request_ids: RequestIds,
}

/// What is known of a request from its headers to the end of its response.
#[derive(Debug)]
struct Exchange {
    record: Record,
    reply_context: ReplyContext,
    surroundings: RequestContext,
    started: Timestamp,
    permitted: bool,
    /// What of our own it was sent with.
    carried: Option<Carried>,
    /// The cluster that the host had chosen when the request came.
    cluster: Cluster,
    body: Body,
    received: Option<Received>,
    /// Permitted, while the rest of its body is read for shadow rules.
    observed: Option<Box<Signed>>,
    /// Which cluster it went to has been recorded.
    upstream_noted: bool,
    response: Response,
}

impl Gate {
    pub fn new(config: Config, now: Timestamp) -> Self {
        let issuer_keys = config
            .sources
            .iter()
            .map(|source| IssuerKeys::new(source.clone(), now))
            .collect();
        let feed = config.revocation.clone();
        let limits = config.limits;
        Self {
            revocation: feed.map(|source| Revocation::new(source, now)),
            credential_store: CredentialStore::new(&config.credentials, now),
            labels: Labels::of(&config.endpoints, &config.policy),
            exporter: config.audit.export.clone().map(Exporter::new),
            mailbox: None,
            phase: Phase::Open,
            waiting: PendingRequests::new(config.wait.requests),
            cache: TokenCache::new(config.cache),
            wanted: Wanted::by(&config),
            leases: ServiceTokens::new(&config.leases, now),
            lookups: request::groups::lookups(&config, now),
            config,
            issuer_keys,
            exchanges: HashMap::default(),
            inspections: Inspections::default(),
            host: HostLimits::default(),
            bodies: HeldBodies::new(limits),
            sharing: Sharing::default(),
            calls: Vec::new(),
            wakeups: Vec::new(),
            notices: Vec::new(),
            trace: None,
            traces: Traces::default(),
            request_ids: RequestIds::default(),
        }
    }

    /// Names of the headers that must leave the request before [`Gate::begin`] is even asked.
    pub fn strip_credentials(&self, headers: &Headers) -> Vec<String> {
        let names =
            forward::strip_credentials(headers, &self.config.token.locations, &self.config.forward);
        names.into_iter().map(str::to_owned).collect()
    }

    /// What the rules ask of a request's connection; to be read before [`Gate::begin`].
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// A request has come; `headers` as the caller sent them.
    pub fn begin(
        &mut self,
        id: StreamId,
        headers: Headers,
        connection: Connection,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Ruling {
        let mut exchange = self.exchange(id, &headers, now);
        exchange.surroundings = self.wanted.surroundings(now, &headers, &connection);
        exchange.cluster = connection.cluster();
        exchange.record.note_cluster(&exchange.cluster);
        self.exchanges.insert(id, exchange);
        let outcome = self.authorize(id, Resume::Headers(headers), now, signatures);
        self.rule(id, outcome)
    }

    fn exchange(&self, id: StreamId, headers: &Headers, now: Timestamp) -> Exchange {
        let mut record = records::open(now, &self.config.digest);
        record.request_id = self.request_ids.of(headers, id, now).into();
        record.trace_id = forward::continued_trace(headers);
        let reply_context = ReplyContext {
            request_id: record.request_id.clone(),
            dialect: Dialect::of(headers),
        };
        Exchange {
            record,
            reply_context,
            surroundings: RequestContext::unknown(now),
            started: now,
            permitted: false,
            carried: None,
            cluster: Cluster::default(),
            body: self.inspections.expected_body(),
            received: None,
            observed: None,
            upstream_noted: false,
            response: Response::default(),
        }
    }

    /// A request named by [`Gate::take_wakeups`] is judged anew, in full. `None`: it is gone or
    /// was already decided.
    pub fn resume(
        &mut self,
        id: StreamId,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Option<Ruling> {
        if let Some(outcome) = self.give_up_inspection(id, now, signatures) {
            return Some(self.rule(id, outcome));
        }
        let (state, deadline) = self.waiting.leave(id)?;
        let outcome = self.authorize_again(id, state, deadline, now, signatures);
        Some(self.rule(id, outcome))
    }

    /// Whether body and trailers of a request may go on: only after a permit.
    pub fn is_permitted(&self, id: StreamId) -> bool {
        self.exchanges
            .get(&id)
            .is_some_and(|exchange| exchange.permitted)
    }

    /// Whether [`Gate::finish`] is to be told what the caller was answered: where a request was held
    /// for its body, since the host may refuse that itself.
    pub fn asks_status(&self, id: StreamId) -> bool {
        self.inspections.holds(id)
    }

    /// A response is over. `status`: what the caller was answered, if that was asked, or if the host
    /// has no responses for [`Gate::response`].
    pub fn finish(&mut self, id: StreamId, status: Option<u16>, now: Timestamp) {
        let waited = self.waiting.leave(id).is_some();
        let inspected = self.inspections.leave(id).is_some();
        self.bodies.release(id);
        let Some(mut exchange) = self.exchanges.remove(&id) else {
            return;
        };
        if inspected && status == Some(413) {
            self.note_host_limit(&mut exchange);
        } else if waited || inspected {
            self.notices.push(Notice::Count(metrics::ABANDONED.into()));
            return;
        }
        if exchange.permitted && !exchange.response.begun {
            exchange.record.upstream_status = status;
        }
        exchange.record.usage = exchange.response.finish();
        self.count_tokens(&exchange.record);
        exchange.record.close(now.since(exchange.started));
        self.output(&exchange.record, now);
    }

    /// A request is gone without a trace.
    pub fn forget(&mut self, id: StreamId) {
        self.waiting.leave(id);
        self.inspections.leave(id);
        self.bodies.release(id);
        self.exchanges.remove(&id);
    }

    /// Time goes by: begins what is due, and wakes those who have waited long enough.
    pub fn tick(&mut self, now: Timestamp) {
        self.begin_due(now);
        self.cache.sweep(now);
        self.wakeups.extend(self.waiting.overdue(now));
        self.wakeups.extend(self.inspections.overdue(now));
        let overdue = self.overdue_responses(now);
        self.wakeups.extend(overdue);
    }

    /// Callouts to make, from the root.
    pub fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// Waiting requests to hand to [`Gate::resume`], from the root.
    pub fn take_wakeups(&mut self) -> Vec<StreamId> {
        std::mem::take(&mut self.wakeups)
    }

    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Turns a outcome into a step, a record and a count.
    fn rule(&mut self, id: StreamId, outcome: Outcome) -> Ruling {
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            let denial = Denial::Internal("a outcome without a request");
            let step = Step::Reply(reply(
                &denial,
                &self.config.replies,
                &ReplyContext::default(),
            ));
            return Ruling::undecided(step);
        };
        let Exchange {
            record,
            reply_context,
            ..
        } = exchange;
        let outcome = match outcome {
            Outcome::Wait { .. } => return Ruling::undecided(Step::Wait),
            Outcome::Inspect(_) => return Ruling::undecided(Step::Inspect),
            Outcome::Deny(denial) => Err(denial),
            Outcome::Metadata(resource) => {
                record.grant(Grant::Metadata, None);
                Ok(Step::Reply(resource.reply(reply_context)))
            }
            Outcome::Permit {
                permit,
                caller,
                credential,
            } => {
                let grant = caller
                    .as_ref()
                    .map_or(Grant::Anonymous, |_| Grant::Permitted);
                record.grant(grant, Some(permit.rule()));
                exchange.permitted = true;
                let credential = credential.as_ref();
                exchange.carried = credential.map(|held| held.carried.clone());
                let new = record.trace_id.is_none().then(|| self.traces.begin());
                let (begun, traceparent) = new.map(|new| (new.id, new.traceparent)).unzip();
                let onward = Onward {
                    is_listing: exchange.response.view.is_some(),
                    traceparent,
                };
                let forward = &self.config.forward;
                let edits = forward::edits(forward, credential, caller.as_deref(), onward);
                record.trace_id = record.trace_id.take().or(begun);
                Ok(Step::Forward(edits))
            }
        };
        let step = outcome.unwrap_or_else(|denial| {
            record.deny(&denial);
            Step::Reply(reply(&denial, &self.config.replies, reply_context))
        });
        self.notices.push(count(record));
        self.bodies.release(id);
        Ruling {
            step,
            marks: marks(record, self.config.audit.filter_state),
        }
    }
}

fn count(record: &Record) -> Notice {
    let (issuer, rule) = (record.caller.issuer.as_deref(), record.rule.as_deref());
    Notice::Count(metrics::decision(record.code, issuer, rule).into())
}

/// What Envoy's access log can show of a decision, as `%FILTER_STATE(wasm.<name>:PLAIN)%`.
fn marks(record: &Record, are_wanted: bool) -> Vec<(&'static str, Arc<str>)> {
    let optional = |name, value: &Option<Arc<str>>| value.clone().map(|value| (name, value));
    let marks = [
        Some(("entragate.code", record.code.into())),
        optional("entragate.rule", &record.rule),
        optional("entragate.oid", &record.caller.oid),
        optional("entragate.client", &record.caller.client),
    ];
    marks.into_iter().flatten().filter(|_| are_wanted).collect()
}
