//! A host with several VMs of one filter: shared data as in Envoy, calls that the test answers, and VMs that terminate.

use crate::support::{code_of, load};
use entragate::fetch::callout::Answer;
use entragate::gate::{Call, Connection, Gate, Notice, StreamId};
use entragate::http::headers::Headers;
use entragate::sharing::{Entry, SharedData, Unavailable};
use entragate::time::Timestamp;
use entragate::token::signature::Portable;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// Envoy's shared data: a write with `cas` 0 or to a missing key is unconditional.
#[derive(Default)]
pub struct Data {
    pub entries: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    last_cas: Cell<u32>,
    /// If true, every write fails because of a newer value.
    pub always_conflicts: Cell<bool>,
    pub fails: Cell<bool>,
}

impl Data {
    /// Writes a value, as any plugin with the same `vm_id` can.
    pub fn put(&self, name: &str, value: Vec<u8>) {
        self.last_cas.set(self.last_cas.get() + 1);
        let entry = (value, self.last_cas.get());
        self.entries.borrow_mut().insert(name.to_owned(), entry);
    }

    pub fn names(&self) -> Vec<String> {
        self.entries.borrow().keys().cloned().collect()
    }

    pub fn value(&self, name: &str) -> Vec<u8> {
        self.entries.borrow()[name].0.clone()
    }
}

impl SharedData for Data {
    fn get(&self, name: &str) -> Result<Option<Entry>, Unavailable> {
        if self.fails.get() {
            return Err(Unavailable);
        }
        let found = self.entries.borrow().get(name).cloned();
        Ok(found.map(|(value, cas)| Entry { value, cas }))
    }

    fn set(&self, name: &str, value: &[u8], cas: u32) -> Result<bool, Unavailable> {
        if self.fails.get() {
            return Err(Unavailable);
        }
        let current = self.entries.borrow().get(name).map(|(_, cas)| *cas);
        let is_late = cas != 0 && current.is_some_and(|current| current != cas);
        if is_late || (self.always_conflicts.get() && cas != 0) {
            return Ok(false);
        }
        self.put(name, value.to_vec());
        Ok(true)
    }
}

pub struct Vm {
    pub gate: Gate,
    /// Pending calls.
    pub calls: Vec<Call>,
    /// The time at which the last of them was made.
    sent_at: Timestamp,
    next: StreamId,
}

pub struct Host {
    pub data: Data,
    pub vms: Vec<Vm>,
    pub now: Timestamp,
    settings: Value,
    /// The number of all calls made so far.
    pub sent: usize,
}

impl Host {
    /// Starts a host with `vms` newly configured VMs under one `vm_id`.
    pub fn new(settings: &Value, vms: usize) -> Self {
        let mut host = Self {
            data: Data::default(),
            vms: Vec::new(),
            now: Timestamp::from_secs(testbed::mint::now()),
            settings: settings.clone(),
            sent: 0,
        };
        for _ in 0..vms {
            host.start(b"entragate");
        }
        host
    }

    /// Starts one more VM.
    pub fn start(&mut self, vm_id: &[u8]) {
        let vm = self.fresh(vm_id);
        self.vms.push(vm);
    }

    /// Replaces a VM; its pending calls are lost.
    pub fn replace(&mut self, index: usize) {
        self.vms[index] = self.fresh(b"entragate");
    }

    fn fresh(&self, vm_id: &[u8]) -> Vm {
        let mut gate = Gate::new(load(&self.settings), self.now);
        gate.join(vm_id, Some(&self.data), self.now);
        Vm {
            gate,
            calls: Vec::new(),
            sent_at: self.now,
            next: 1,
        }
    }

    /// Sets the settings of VMs that start from now on.
    pub fn reconfigure(&mut self, settings: &Value) {
        self.settings = settings.clone();
    }

    pub fn pass(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }

    /// A tick of one VM, with the calls that the host shell makes.
    pub fn tick(&mut self, index: usize) {
        self.vms[index].gate.tick(self.now);
        self.settle(index);
    }

    /// Advances the time by milliseconds with ticks of all VMs.
    pub fn run(&mut self, millis: u64) {
        const TICK: u64 = 50;
        for _ in 0..millis.div_ceil(TICK) {
            self.pass(Duration::from_millis(TICK));
            (0..self.vms.len()).for_each(|index| self.tick(index));
        }
    }

    /// Advances the time by seconds with one tick of all VMs per second.
    pub fn run_secs(&mut self, secs: u64) {
        for _ in 0..secs {
            self.pass(Duration::from_secs(1));
            (0..self.vms.len()).for_each(|index| self.tick(index));
        }
    }

    pub fn settle(&mut self, index: usize) {
        let vm = &mut self.vms[index];
        vm.gate.share(self.now, &self.data);
        let calls = vm.gate.take_calls();
        self.sent += calls.len();
        if !calls.is_empty() {
            vm.sent_at = self.now;
        }
        vm.calls.extend(calls);
    }

    /// Returns the number of pending calls.
    pub fn open(&self) -> usize {
        self.vms.iter().map(|vm| vm.calls.len()).sum()
    }

    /// Returns whether the host would have ended this VM's only call by now.
    pub fn has_timed_out(&self, index: usize) -> bool {
        let vm = &self.vms[index];
        let timed_out = |call: &Call| self.now.since(vm.sent_at) >= call.callout.timeout;
        vm.calls.last().is_some_and(timed_out)
    }

    /// Answers all pending calls and the calls that result from them.
    pub fn answer(&mut self, answer: impl Fn(&Call) -> Answer) {
        while let Some(index) = self.vms.iter().position(|vm| !vm.calls.is_empty()) {
            self.answer_one(index, &answer);
        }
    }

    /// Answers the oldest call of one VM.
    pub fn answer_one(&mut self, index: usize, answer: impl Fn(&Call) -> Answer) {
        let call = self.vms[index].calls.remove(0);
        let gate = &mut self.vms[index].gate;
        gate.answered(call.call_id, answer(&call), self.now);
        self.settle(index);
    }

    /// Advances by seconds and answers every call immediately. Returns the number of calls.
    pub fn serve(&mut self, secs: u64, answer: impl Fn(&Call) -> Answer) -> usize {
        let before = self.sent;
        for _ in 0..secs {
            self.run_secs(1);
            self.answer(&answer);
        }
        self.sent - before
    }

    /// Sends a chat request to one VM.
    pub fn chat(&mut self, index: usize, token: &str) -> (StreamId, String) {
        let vm = &mut self.vms[index];
        let id = vm.next;
        vm.next += 1;
        let authorization = format!("Bearer {token}");
        let headers = Headers::from_iter([
            (":method", "POST"),
            (":path", "/v1/chat/completions"),
            (":authority", "gateway.contoso.com"),
            ("authorization", authorization.as_str()),
        ]);
        let connection = Connection::default();
        let ruling = vm.gate.begin(id, headers, connection, self.now, &Portable);
        (id, code_of(&ruling))
    }

    /// Returns the outcomes of the requests that one VM resumed.
    pub fn resumed(&mut self, index: usize) -> Vec<(StreamId, String)> {
        let (vm, now) = (&mut self.vms[index], self.now);
        let woken = vm.gate.take_wakeups().into_iter();
        let resume = |id| Some((id, vm.gate.resume(id, now, &Portable)?));
        let resumed: Vec<_> = woken.filter_map(resume).collect();
        let codes = resumed.iter().map(|(id, ruling)| (*id, code_of(ruling)));
        codes.collect()
    }

    /// Returns a gauge of one VM.
    pub fn gauge(&self, index: usize, name: &str) -> Option<u64> {
        let gauges = self.vms[index].gate.gauges(self.now);
        let gauge = gauges.into_iter().find(|gauge| gauge.name == name);
        gauge.map(|gauge| gauge.value)
    }

    pub fn all_have_keys(&self) -> bool {
        let unusable = |index| self.gauge(index, "entragate.keys.contoso.unusable");
        (0..self.vms.len()).all(|index| unusable(index) == Some(0))
    }

    pub fn fetched_at(&self, index: usize) -> Option<u64> {
        self.gauge(index, "entragate.keys.contoso.fetched_at")
    }

    /// Returns the counters and log lines of one VM since the last call.
    pub fn notices(&mut self, index: usize) -> Vec<Notice> {
        self.vms[index].gate.take_notices()
    }
}
