//! The gate combines all other modules into the filter's logic. It decides everything and performs no
//! I/O; the host shell performs the I/O and decides nothing.
//!
//! # Interface
//!
//! Events go in: a request's headers and body, the answer to a callout, a tick, a response, the end of
//! a stream. Instructions come out: a [`Ruling`] or [`Returned`] for one stream, and queues of
//! [`Call`]s, wake-ups and [`Notice`]s that the host empties after each event. The gate has no clock:
//! each event brings the current time.
//!
//! # Drive loop
//!
//! ```
//! # use entragate::fetch::callout::Answer;
//! # use entragate::gate::{Call, CallId, Gate, Notice, Returned, Ruling, StreamId};
//! # use entragate::http::headers::Headers;
//! # use entragate::time::Timestamp;
//! # use entragate::token::signature::SignatureCheck;
//! # trait Host: SignatureCheck {
//! #     fn property(&self, path: &str) -> Option<Vec<u8>>;
//! #     fn remove(&self, id: StreamId, headers: Vec<String>);
//! #     fn apply(&self, id: StreamId, ruling: Ruling);
//! #     fn apply_response(&self, id: StreamId, returned: Returned);
//! #     fn dispatch(&self, call: Call);
//! #     fn report(&self, notice: Notice);
//! # }
//! fn on_request<H: Host>(gate: &mut Gate, host: &H, id: StreamId, headers: Headers, now: Timestamp) {
//!     host.remove(id, gate.strip_credentials(&headers)); // before anything can pause or fail
//!     let connection = gate.wanted().read(&|path| host.property(path));
//!     let ruling = gate.begin(id, headers, connection, now, host);
//!     host.apply(id, ruling); // forward, reply or pause
//! }
//! fn on_response<H: Host>(gate: &mut Gate, host: &H, id: StreamId, headers: &Headers) {
//!     host.apply_response(id, gate.response(id, headers, None)); // pass, hold, rewrite or replace
//! }
//! fn on_end(gate: &mut Gate, id: StreamId, now: Timestamp) {
//!     gate.finish(id, None, now); // writes the audit record, and returns the tokens to charge
//! }
//! fn on_answer(gate: &mut Gate, id: CallId, answer: Answer, now: Timestamp) {
//!     gate.answered(id, answer, now); // queues wake-ups
//! }
//! fn on_tick<H: Host>(gate: &mut Gate, host: &H, now: Timestamp) {
//!     gate.tick(now); // queues calls that are due, and wake-ups of requests whose time is up
//!     gate.take_calls().into_iter().for_each(|call| host.dispatch(call));
//!     for id in gate.take_wakeups() {
//!         let ruling = gate.resume(id, now, host);
//!         ruling.into_iter().for_each(|ruling| host.apply(id, ruling));
//!         let returned = gate.resume_response(id, now);
//!         returned.into_iter().for_each(|returned| host.apply_response(id, returned));
//!     }
//!     gate.take_notices().into_iter().for_each(|notice| host.report(notice));
//! }
//! ```
//!
//! Queues are emptied after [`Gate::answered`] in the same way. With the step [`Step::Inspect`], the host passes the
//! request's body to [`Gate::body`], and with [`Return::Hold`] the response's body to [`Gate::response_body`].
//! [`Gate::response_body_use`] returns what to do with each piece of a response's body. If workers share fetches,
//! [`Gate::share`] must be called before [`Gate::take_calls`].

mod api;
mod audit;
mod fetch;
mod request;
mod response;
mod stream_id;

use crate::audit::chain::Chain;
use crate::audit::{self as records, Record};
use crate::cache::TokenCache;
use crate::config::Config;
use crate::credential::store::{Carried, CredentialStore};
use crate::export::Exporter;
use crate::forward;
use crate::groups::Lookups;
use crate::http::cluster::Cluster;
use crate::http::headers::Headers;
use crate::http::trace_context::Traces;
use crate::keys::issuer_keys::IssuerKeys;
use crate::metrics;
use crate::model::body::Body;
use crate::policy::context::RequestContext;
use crate::policy::trace::RuleTrace;
use crate::reply::{Dialect, ReplyContext};
use crate::revocation::Revocation;
use crate::service_auth::auth::ServiceTokens;
use crate::sharing::Mailbox;
use crate::time::Timestamp;
use crate::token::signature::SignatureCheck;
use crate::usage::labels::Labels;
use audit::handover::Phase;
pub use fetch::answers::CallId;
use fetch::fetch_sharing::Sharing;
use request::authorizer::{Signed, WaitBudget};
use request::body_limits::HeldBodies;
use request::inspect::{Inspections, Received};
use request::mcp::Session;
use request::pending::{PendingRequests, Resume};
use response::Response;
use response::quota::LimitLabels;
use std::collections::HashMap;
use stream_id::{ByStream, RequestIds};

pub use api::{Call, Marks, Notice, Ruling, Step, StreamId};
pub use request::connection::{Connection, Property, Wanted};
pub use request::host_limits::HostLimits;
pub use response::{BodyUse, Origin, Return, Returned};

/// The state of the filter in one VM.
#[derive(Debug)]
pub struct Gate {
    config: Config,
    wanted: Wanted,
    issuer_keys: Vec<IssuerKeys>,
    service_tokens: ServiceTokens,
    revocation: Revocation,
    credential_store: CredentialStore,
    labels: Labels,
    limit_labels: LimitLabels,
    exporter: Option<Exporter>,
    chains: Chains,
    /// Shared by the VMs, so that one exports on behalf of all.
    mailbox: Option<Mailbox>,
    phase: Phase,
    /// Group lookups by issuer; `None` for an issuer without them.
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
    /// The cluster of the last request.
    last_cluster: Cluster,
}

/// The chains of the records that this VM writes. The log has its own chain if it omits or shortens records.
#[derive(Debug, Default)]
struct Chains {
    log: Chain,
    export: Chain,
}

/// The state of a request from its headers to the end of its response.
#[derive(Debug)]
struct Exchange {
    record: Record,
    reply_context: ReplyContext,
    context: RequestContext,
    started: Timestamp,
    permitted: bool,
    /// The injected credential.
    carried: Option<Carried>,
    /// The cluster that the host had chosen when the request arrived.
    cluster: Cluster,
    body: Body,
    received: Option<Received>,
    /// A permitted request whose remaining body is read for shadow rules.
    observed: Option<Box<Signed>>,
    /// The cluster that served the request has been recorded.
    upstream_noted: bool,
    session: Session,
    response: Response,
}

impl Gate {
    /// Creates the gate of one VM from a valid configuration.
    pub fn new(config: Config, now: Timestamp) -> Self {
        let issuer_keys = config
            .sources
            .iter()
            .map(|source| IssuerKeys::new(source.clone(), now))
            .collect();
        let limits = config.limits;
        Self {
            revocation: Revocation::new(&config.revocation, now),
            credential_store: CredentialStore::new(&config.credentials, now),
            labels: Labels::of(&config.endpoints, &config.policy),
            limit_labels: LimitLabels::default(),
            exporter: config.audit.export.clone().map(Exporter::new),
            chains: Chains::default(),
            mailbox: None,
            phase: Phase::Open,
            waiting: PendingRequests::new(config.wait.requests),
            cache: TokenCache::new(config.cache, &config.shared_mac),
            wanted: Wanted::by(&config),
            service_tokens: ServiceTokens::new(&config.service_tokens, now),
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
            last_cluster: Cluster::default(),
        }
    }

    /// Returns the names of the headers that must be removed from the request before [`Gate::begin`].
    pub fn strip_credentials(&self, headers: &Headers) -> Vec<String> {
        let names = self.config.stripped.present(headers).into_iter();
        names.map(str::to_owned).collect()
    }

    /// Returns the connection properties that the rules need, to be read before [`Gate::begin`].
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Decides a new request. `headers` are the headers as the caller sent them.
    pub fn begin(
        &mut self,
        id: StreamId,
        headers: Headers,
        connection: Connection,
        now: Timestamp,
        signatures: &dyn SignatureCheck,
    ) -> Ruling {
        let mut exchange = self.exchange(id, &headers, now);
        self.note_connection(&mut exchange, &headers, &connection, now);
        self.exchanges.insert(id, exchange);
        let outcome = self.authorize(id, Resume::Headers(headers), now, signatures);
        self.rule(id, outcome)
    }

    fn note_connection(
        &mut self,
        exchange: &mut Exchange,
        headers: &Headers,
        connection: &Connection,
        now: Timestamp,
    ) {
        exchange.context = self.wanted.context(now, headers, connection);
        exchange.cluster = connection.cluster(&self.last_cluster);
        exchange.record.note_cluster(&exchange.cluster);
        self.last_cluster = exchange.cluster.clone();
        exchange
            .record
            .note_sender(exchange.context.source, headers);
    }

    fn exchange(&self, id: StreamId, headers: &Headers, now: Timestamp) -> Exchange {
        let mut record = records::open(now, &self.config.digest);
        record.request_id = self.request_ids.of(headers, id, now).into();
        record.trace_id = forward::continued_trace(headers);
        let reply_context = ReplyContext {
            request_id: record.request_id.clone(),
            dialect: Dialect::of(headers),
            message_id: None,
        };
        Exchange {
            record,
            reply_context,
            context: RequestContext::unknown(now),
            started: now,
            permitted: false,
            carried: None,
            cluster: Cluster::default(),
            body: self.inspections.expected_body(),
            received: None,
            observed: None,
            upstream_noted: false,
            session: Session::default(),
            response: Response::default(),
        }
    }

    /// Decides a request from [`Gate::take_wakeups`] again, in full. `None`: the request has ended, was already decided
    /// or still waits for its body.
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

    /// Whether body and trailers of a request may be forwarded: only after a permit.
    pub fn is_permitted(&self, id: StreamId) -> bool {
        self.exchanges
            .get(&id)
            .is_some_and(|exchange| exchange.permitted)
    }

    /// Whether [`Gate::finish`] needs the status that the caller received. This is the case if records are written and
    /// the gate has not passed on a response (the host can change the status of the filter's own replies), and for
    /// requests whose body is still inspected.
    pub fn needs_status(&self, id: StreamId) -> bool {
        let passed = |exchange: &Exchange| exchange.record.status.is_some();
        let is_known = self.exchanges.get(&id).is_some_and(passed);
        self.config.audit.has_records() && !is_known || self.inspections.holds(id)
    }

    /// Ends a stream and writes its audit record. `status` is the status that the caller received, if
    /// [`Gate::needs_status`] requires it and the caller received one. Returns the tokens that a permitted request is
    /// charged.
    pub fn finish(&mut self, id: StreamId, status: Option<u16>, now: Timestamp) -> Marks {
        let waited = self.waiting.leave(id).is_some();
        let inspected = self.inspections.leave(id).is_some();
        self.bodies.release(id);
        let Some(mut exchange) = self.exchanges.remove(&id) else {
            return Marks::new();
        };
        if inspected && status == Some(413) {
            self.note_host_limit(&mut exchange);
        } else if waited || inspected {
            self.notices.push(Notice::Count(metrics::ABANDONED.into()));
            return Marks::new();
        }
        exchange.record.status = exchange.record.status.or(status);
        if exchange.permitted && self.host.withholds_responses {
            exchange.record.upstream_status = status;
        }
        exchange.record.usage = exchange.response.finish();
        self.count_tokens(&exchange.record);
        let charge = self.charge(&exchange);
        exchange.record.close(now.since(exchange.started));
        self.output(exchange.record, now);
        charge
    }

    /// Drops the state of a stream that no longer exists, without an audit record.
    pub fn forget(&mut self, id: StreamId) {
        self.waiting.leave(id);
        self.inspections.leave(id);
        self.bodies.release(id);
        self.exchanges.remove(&id);
    }

    /// Queues the calls that are due, and wake-ups for requests and responses whose deadline has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.begin_due(now);
        self.cache.sweep(now);
        self.wakeups.extend(self.waiting.overdue(now));
        self.wakeups.extend(self.inspections.overdue(now));
        let overdue = self.overdue_responses(now);
        self.wakeups.extend(overdue);
    }

    /// Takes the callouts to make from the root context.
    pub fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// Takes the streams to pass to [`Gate::resume`] or [`Gate::resume_response`] from the root context.
    pub fn take_wakeups(&mut self) -> Vec<StreamId> {
        std::mem::take(&mut self.wakeups)
    }

    /// Takes the log lines and metric changes.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}
