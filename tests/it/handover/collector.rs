//! VMs that export, and the collector that receives their records: the records that arrived, and how often.

use crate::sharing::host::Host;
use crate::support::{jwks, settings};
use entragate::fetch::callout::{Answer, CalloutError};
use entragate::gate::{Call, CallId, Connection, Notice};
use entragate::http::headers::Headers;
use entragate::token::signature::Portable;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testbed::keys;

/// The end of an export call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Arrived,
    Refused,
    /// The records arrive, but the response is lost.
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
    /// The number of times that each record has arrived.
    pub arrived: BTreeMap<u64, usize>,
    /// Records that arrived although their sender received no confirmation.
    pub doubtful: Vec<u64>,
    pub calls: usize,
    /// The VM that made each decision.
    pub decided: BTreeMap<u64, usize>,
    /// Calls whose responses were lost, with the VMs that made them.
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

    /// Makes an anonymous request at one VM. Returns its number.
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

    /// Advances the time with ticks of all VMs; every call succeeds immediately.
    pub fn run(&mut self, millis: u64) {
        self.run_with(millis, End::Arrived);
    }

    pub fn run_with(&mut self, millis: u64, end: End) {
        for _ in 0..millis.div_ceil(50) {
            self.host.run(50);
            self.answer_all(end);
        }
    }

    /// Advances the time; export calls stay pending until their timeout.
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

    /// Answers the pending calls for keys.
    pub fn answer_keys(&mut self) {
        let is_keys = |call: &Call| !matches!(call.call_id, CallId::Export(_));
        for index in 0..self.host.vms.len() {
            while let Some(at) = self.host.vms[index].calls.iter().position(is_keys) {
                self.host.vms[index].calls.swap(0, at);
                self.answer(index, End::Arrived);
            }
        }
    }

    /// Ends the oldest call of one VM.
    pub fn answer(&mut self, index: usize, end: End) {
        let Some(call) = self.host.vms[index].calls.first() else {
            return;
        };
        if !matches!(call.call_id, CallId::Export(_)) {
            self.host.answer_one(index, |_| jwks(&[&keys::rsa()]));
            return;
        }
        let numbers = numbers(call);
        self.calls += 1;
        if matches!(end, End::Arrived | End::Lost) {
            for number in &numbers {
                *self.arrived.entry(*number).or_default() += 1;
            }
        }
        match end {
            End::Arrived => self.host.answer_one(index, |_| status(204)),
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

    /// Terminates a VM. The records in its pending calls may have arrived.
    pub fn terminate(&mut self, index: usize) {
        while !self.host.vms[index].calls.is_empty() {
            self.answer(index, End::Lost);
        }
        self.unanswered
            .retain(|(calls_of_vm, _)| *calls_of_vm != index);
        self.host.replace(index);
    }

    /// Returns the VM that has a pending export call.
    pub fn caller(&self) -> Option<usize> {
        let is_export = |call: &Call| matches!(call.call_id, CallId::Export(_));
        let calls = |index: &usize| self.host.vms[*index].calls.iter().any(is_export);
        (0..self.host.vms.len()).find(calls)
    }

    /// Removes the plugin in one VM; its pending calls can still end.
    pub fn close(&mut self, index: usize) {
        let (vm, now) = (&mut self.host.vms[index], self.host.now);
        vm.gate.leave(now, &self.host.data);
        vm.gate.close(now, &self.host.data);
        self.host.settle(index);
        // The host ends the calls without a response.
        let (calls_of_vm, others) = std::mem::take(&mut self.unanswered)
            .into_iter()
            .partition(|(calls_of_vm, _)| *calls_of_vm == index);
        self.unanswered = others;
        let calls_of_vm: Vec<(usize, Call)> = calls_of_vm;
        for (_, call) in calls_of_vm {
            self.host.vms[index].calls.insert(0, call);
            self.answer(index, End::Broken);
        }
    }

    /// Ends all calls of a VM in this way until the VM is closed.
    pub fn close_with(&mut self, index: usize, end: End) {
        while !self.host.vms[index].gate.is_closed() {
            self.answer(index, end);
        }
    }

    pub fn missing(&self) -> Vec<u64> {
        let all = self.decided.keys().copied();
        all.filter(|number| !self.arrived.contains_key(number))
            .collect()
    }

    /// Returns records that arrived more than once although their sender had received a confirmation.
    pub fn repeated(&self) -> Vec<u64> {
        let twice = self.arrived.iter().filter(|(_, times)| **times > 1);
        twice
            .map(|(number, _)| *number)
            .filter(|number| !self.doubtful.contains(number))
            .collect()
    }

    /// Returns the sum of a gauge over all VMs.
    pub fn queued(&self) -> u64 {
        let gauge = |index| self.host.gauge(index, "entragate.export.queued");
        (0..self.host.vms.len()).filter_map(gauge).sum()
    }

    pub fn logs(&mut self, index: usize) -> Vec<String> {
        let notices = self.host.notices(index).into_iter();
        let text = |notice| match notice {
            Notice::Log(_, text) => Some(text),
            Notice::Count(_) | Notice::Add(..) | Notice::Observe(..) | Notice::Audit(..) => None,
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
