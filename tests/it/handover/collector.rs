//! VMs that export, and the collector that receives their records: which records arrived, and how often.

use super::host::Host;
use crate::support::{jwks, settings};
use entragate::fetch::callout::{Answer, CalloutError};
use entragate::gate::{Call, CallId, Connection, Notice};
use entragate::http::headers::Headers;
use entragate::token::signature::Portable;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testbed::keys;

/// How a call of the export ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Arrives,
    Refused,
    /// It arrives, and its answer is lost.
    Lost,
    Broken,
}

pub fn exporting() -> Value {
    let mut settings = settings();
    settings["audit"] = json!({"log": "off",
        "export": {"cluster": "monitor", "uri": "https://monitor/in"}});
    settings
}

pub struct Collector {
    pub host: Host,
    /// How often each record has arrived.
    pub arrived: BTreeMap<u64, usize>,
    /// Those of which some call's maker does not know that they have.
    pub doubtful: Vec<u64>,
    pub calls: usize,
    /// Which VM decided which records.
    pub decided: BTreeMap<u64, usize>,
    /// Calls whose answers were lost, and who made them.
    unanswered: Vec<(usize, Call)>,
}

impl Collector {
    pub fn new(settings: &Value, vms: usize) -> Self {
        let mut collector = Self {
            host: Host::new(settings, vms),
            arrived: BTreeMap::new(),
            doubtful: Vec::new(),
            calls: 0,
            decided: BTreeMap::new(),
            unanswered: Vec::new(),
        };
        collector.run(2000);
        collector
    }

    /// An anonymous request at one VM, and its number.
    pub fn decide(&mut self, index: usize) -> u64 {
        let number = self.decided.len() as u64;
        self.decided.insert(number, index);
        let id = u32::try_from(number).unwrap() + 1_000_000;
        let name = format!("r-{number}");
        let headers = Headers::from_iter([
            (":method", "GET"),
            (":path", "/health"),
            (":authority", "gateway.contoso.com"),
            ("x-request-id", name.as_str()),
        ]);
        let (gate, now) = (&mut self.host.vms[index].gate, self.host.now);
        gate.begin(id, headers, Connection::default(), now, &Portable);
        gate.finish(id, Some(200), now);
        number
    }

    /// Time goes by in ticks of all VMs; every call is answered well at once.
    pub fn run(&mut self, millis: u64) {
        self.run_with(millis, End::Arrives);
    }

    pub fn run_with(&mut self, millis: u64, end: End) {
        for _ in 0..millis.div_ceil(50) {
            self.host.run(50);
            self.answer_all(end);
        }
    }

    /// Time goes by; calls of the export stay open until their timeout.
    pub fn wait(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(50) {
            self.host.run(50);
            self.answer_keys();
            for index in 0..self.host.vms.len() {
                if self.host.has_timed_out(index) {
                    self.answer(index, End::Broken);
                }
            }
        }
    }

    pub fn answer_all(&mut self, end: End) {
        while let Some(index) = self.host.vms.iter().position(|vm| !vm.calls.is_empty()) {
            self.answer(index, end);
        }
    }

    /// Those for keys.
    pub fn answer_keys(&mut self) {
        let is_keys = |call: &Call| !matches!(call.ticket, CallId::Export(_));
        for index in 0..self.host.vms.len() {
            while let Some(at) = self.host.vms[index].calls.iter().position(is_keys) {
                self.host.vms[index].calls.swap(0, at);
                self.answer(index, End::Arrives);
            }
        }
    }

    /// The oldest call of one VM ends.
    pub fn answer(&mut self, index: usize, end: End) {
        let Some(call) = self.host.vms[index].calls.first() else {
            return;
        };
        if !matches!(call.ticket, CallId::Export(_)) {
            self.host.answer_one(index, |_| jwks(&[&keys::rsa()]));
            return;
        }
        let numbers = numbers(call);
        self.calls += 1;
        if matches!(end, End::Arrives | End::Lost) {
            for number in &numbers {
                *self.arrived.entry(*number).or_default() += 1;
            }
        }
        match end {
            End::Arrives => self.host.answer_one(index, |_| status(204)),
            End::Refused => self.host.answer_one(index, |_| status(503)),
            End::Broken => self
                .host
                .answer_one(index, |_| Answer::Failed(CalloutError::Interrupted)),
            End::Lost => {
                self.doubtful.extend(numbers);
                let call = self.host.vms[index].calls.remove(0);
                self.unanswered.push((index, call));
            }
        }
    }

    /// A VM dies. What it had on its way may have arrived or not.
    pub fn die(&mut self, index: usize) {
        while !self.host.vms[index].calls.is_empty() {
            self.answer(index, End::Lost);
        }
        self.unanswered.retain(|(its, _)| *its != index);
        self.host.replace(index);
    }

    /// Which VM has a call of the export open.
    pub fn caller(&self) -> Option<usize> {
        let is_export = |call: &Call| matches!(call.ticket, CallId::Export(_));
        let calls = |index: &usize| self.host.vms[*index].calls.iter().any(is_export);
        (0..self.host.vms.len()).find(calls)
    }

    /// The plugin goes in one VM: its calls are to be answered still.
    pub fn close(&mut self, index: usize) {
        let (vm, now) = (&mut self.host.vms[index], self.host.now);
        vm.gate.leave(now, &self.host.data);
        vm.gate.close(now, &self.host.data);
        self.host.settle(index);
        // The host gives up what it has no answer to.
        let (its, others) = std::mem::take(&mut self.unanswered)
            .into_iter()
            .partition(|(its, _)| *its == index);
        self.unanswered = others;
        let its: Vec<(usize, Call)> = its;
        for (_, call) in its {
            self.host.vms[index].calls.insert(0, call);
            self.answer(index, End::Broken);
        }
    }

    /// It goes; it has gone once its calls are over, all of which end like this.
    pub fn go(&mut self, index: usize, end: End) {
        while !self.host.vms[index].gate.is_closed() {
            self.answer(index, end);
        }
    }

    pub fn missing(&self) -> Vec<u64> {
        let all = self.decided.keys().copied();
        all.filter(|number| !self.arrived.contains_key(number))
            .collect()
    }

    /// Those that have arrived more than once, though it was known that they had.
    pub fn repeated(&self) -> Vec<u64> {
        let twice = self.arrived.iter().filter(|(_, times)| **times > 1);
        twice
            .map(|(number, _)| *number)
            .filter(|number| !self.doubtful.contains(number))
            .collect()
    }

    /// The sum of a gauge over all VMs.
    pub fn queued(&self) -> u64 {
        let gauge = |index| self.host.gauge(index, "entragate.export.queued");
        (0..self.host.vms.len()).filter_map(gauge).sum()
    }

    pub fn logs(&mut self, index: usize) -> Vec<String> {
        let notices = self.host.notices(index).into_iter();
        let text = |notice| match notice {
            Notice::Log(_, text) => Some(text),
            Notice::Count(_) | Notice::Add(..) | Notice::Audit(..) => None,
        };
        notices.filter_map(text).collect()
    }
}

pub fn numbers(call: &Call) -> Vec<u64> {
    let records: Vec<Value> = serde_json::from_slice(&call.callout.body).unwrap();
    let number = |record: &Value| {
        let id = record["request_id"].as_str().unwrap();
        id.trim_start_matches("r-").parse().unwrap()
    };
    records.iter().map(number).collect()
}

fn status(status: u16) -> Answer {
    let body = Vec::new();
    Answer::Response { status, body }
}
