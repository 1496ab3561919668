//! The host's metrics. Counts are added up here and passed to the host at ticks, since each request changes
//! several. Counters belong to the VM, so plugins in the same VM share them.

use super::abi::{self, Metric};
use super::kind::{Kind, kind};
use crate::metrics::{self, Gauge, OverVms};
use std::cell::RefCell;
use std::collections::HashMap;

/// The maximum number of measured requests between two ticks.
const MAX_TIMES: usize = 64;
/// One in this number of requests is measured, since reading the clock takes time.
const ONE_OF: u32 = 8;

/// The maximum length of a metric name on ngx_wasm_module, whose default `max_metric_name_length` is 256, including the
/// filter's name.
const MAX_NAME_ON_NGINX: usize = 200;

/// A metric of the host.
struct Meter {
    id: u32,
    /// For a counter, the count that the host has not received yet. For a gauge, the value it has received.
    value: u64,
}

#[derive(Default)]
struct Meters {
    /// The counters used so far, by name, since defining one is a lookup in the host.
    counters: HashMap<String, Meter>,
    /// The histograms used so far, by name.
    histograms: HashMap<String, u32>,
    own_time: Option<u32>,
    /// The times that the host has not received yet, in microseconds.
    times: Vec<u64>,
    requests: u32,
}

thread_local! {
    static METERS: RefCell<Meters> = RefCell::default();
}

/// Adds to a counter. The host receives the first count immediately and later ones at [`flush`].
pub fn count(name: &str, by: u64) {
    METERS.with_borrow_mut(|meters| {
        if let Some(counter) = meters.counters.get_mut(name) {
            counter.value = counter.value.saturating_add(by);
        } else if let Some(id) = define(Metric::Counter, name) {
            abi::move_metric(id, i64::try_from(by).unwrap_or(i64::MAX));
            let counter = Meter { id, value: 0 };
            meters.counters.insert(name.to_owned(), counter);
        }
    });
}

/// Adds a value to a histogram.
pub fn observe(name: &str, value: u64) {
    METERS.with_borrow_mut(|meters| {
        if let Some(id) = meters.histograms.get(name) {
            abi::record_metric(*id, value);
        } else if let Some(id) = define(Metric::Histogram, name) {
            abi::record_metric(id, value);
            meters.histograms.insert(name.to_owned(), id);
        }
    });
}

/// Whether to measure this request.
pub fn measures_next() -> bool {
    METERS.with_borrow_mut(|meters| {
        let is_next = meters.requests.is_multiple_of(ONE_OF);
        meters.requests = meters.requests.wrapping_add(1);
        is_next && meters.times.len() < MAX_TIMES
    })
}

/// Notes how long the filter took for the headers of a request.
pub fn note_own_time(nanos: u64) {
    METERS.with_borrow_mut(|meters| meters.times.push(nanos / 1000));
}

/// Passes counters and the histogram to the host. Must be called at every tick.
pub fn flush() {
    METERS.with_borrow_mut(|meters| {
        for counter in meters.counters.values_mut().filter(|own| own.value > 0) {
            let by = i64::try_from(std::mem::take(&mut counter.value)).unwrap_or(i64::MAX);
            abi::move_metric(counter.id, by);
        }
        if meters.times.is_empty() {
            return;
        }
        let define = || define(Metric::Histogram, metrics::OWN_TIME);
        if meters.own_time.is_none() {
            meters.own_time = define();
        }
        let times = std::mem::take(&mut meters.times);
        if let Some(id) = meters.own_time {
            times.iter().for_each(|time| abi::record_metric(id, *time));
        }
    });
}

/// Defines a metric. `None`: the host would abort the VM because the name is too long.
fn define(metric: Metric, name: &str) -> Option<u32> {
    let is_fit = kind() == Kind::Envoy || name.len() <= MAX_NAME_ON_NGINX;
    is_fit.then(|| abi::define_metric(metric, name)).flatten()
}

/// The gauges of one plugin in one VM.
#[derive(Default)]
pub struct Gauges(HashMap<String, (OverVms, Meter)>);

impl Gauges {
    /// Passes changed gauges to the host.
    pub fn show(&mut self, gauges: Vec<Gauge>) {
        for gauge in gauges {
            let over_vms = gauge.over_vms;
            if let Some((_, shown)) = self.0.get_mut(&gauge.name) {
                set(shown, gauge.value, over_vms);
            } else if let Some(id) = define(Metric::Gauge, &gauge.name) {
                let mut shown = Meter { id, value: 0 };
                if kind() == Kind::Nginx {
                    // nginx keeps metrics across a reload, so the gauge may have a value of an ended worker.
                    abi::record_metric(id, 0);
                }
                set(&mut shown, gauge.value, over_vms);
                self.0.insert(gauge.name, (over_vms, shown));
            }
        }
    }

    /// Removes this plugin's part from sums when the plugin shuts down.
    pub fn withdraw(&mut self) {
        for (over_vms, shown) in self.0.values_mut() {
            if *over_vms == OverVms::Sum {
                set(shown, 0, *over_vms);
            }
        }
    }
}

fn set(gauge: &mut Meter, value: u64, over_vms: OverVms) {
    let (shown, value) = (gauge.value.cast_signed(), value.cast_signed());
    if value == shown {
        return;
    }
    match (over_vms, kind()) {
        (OverVms::Sum, Kind::Envoy) => abi::move_metric(gauge.id, value.saturating_sub(shown)),
        // ngx_wasm_module aborts the VM when a gauge is incremented, so there a gauge has the value of the
        // worker that set it last.
        (OverVms::Sum, Kind::Nginx) | (OverVms::Latest, _) => {
            abi::record_metric(gauge.id, value.cast_unsigned());
        }
    }
    gauge.value = value.cast_unsigned();
}
