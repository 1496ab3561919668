//! The types of the gate's interface: what a host does with a request, and with the rest of the gate's output.

use crate::fetch::callout::Callout;
use crate::forward::Edit;
use crate::gate::fetch::answers::CallId;
use crate::reply::Reply;
use std::borrow::Cow;
use std::sync::Arc;

/// The id of a stream, chosen by the host and unique while the stream exists.
pub type StreamId = u32;

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Set these headers and forward the request.
    Forward(Vec<Edit>),
    Reply(Reply),
    /// Hold headers and body until [`Gate::take_wakeups`](super::Gate::take_wakeups) returns the request.
    Wait,
    /// Hold headers and body, and pass the body to [`Gate::body`](super::Gate::body) until it returns a ruling.
    Inspect,
}

/// Filter state as names and values, for the host's access log and rate limits: the values that `audit.filter_state` chooses.
pub type Marks = Vec<(&'static str, Arc<str>)>;

/// A step, and filter state to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub step: Step,
    /// Empty while the request waits.
    pub marks: Marks,
}

impl Ruling {
    pub(in crate::gate) fn undecided(step: Step) -> Self {
        let marks = Vec::new();
        Self { step, marks }
    }
}

/// A callout to make from the root context; its answer is passed back with the `call_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub call_id: CallId,
    pub callout: Callout,
}

/// A log line or a metric change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Increment the counter.
    Count(Cow<'static, str>),
    /// Add a number to the counter.
    Add(Cow<'static, str>, u64),
    /// Add a value to the histogram.
    Observe(Cow<'static, str>, u64),
    /// Log an audit record, one line of JSON.
    Audit(log::Level, String),
    Log(log::Level, String),
}
