//! Settings of a host at start, and the results of the calls that it makes for the filter.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::Rules;

/// The settings of a host.
#[derive(Clone, Debug)]
pub struct Settings {
    pub rules: Rules,
    /// A filter file other than the built one.
    pub wasm: Option<Vec<u8>>,
    /// As the filter reads it.
    pub configuration: Vec<u8>,
    pub environment: BTreeMap<String, String>,
    /// Envoy's clusters; nginx accepts any host and port.
    pub clusters: BTreeMap<String, Cluster>,
    /// Properties of every context, by dotted path, in addition to the host's own.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// Envoy's `verify_signature` (1.30 and later).
    pub has_crypto: bool,
    /// A `shm_kv` of nginx. Envoy always has shared data.
    pub has_shared_data: bool,
    /// The data itself, shared by all hosts that are started with a clone of these settings.
    pub shared: SharedData,
    /// Envoy's `allow_on_headers_stop_iteration`.
    pub hands_out_bodies: bool,
    /// The start time, in seconds since 1970.
    pub now: u64,
}

/// Entries by name, with their `cas`.
#[derive(Clone, Debug, Default)]
pub struct SharedData(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub entries: HashMap<String, (Vec<u8>, u32)>,
    /// The number of VMs so far.
    pub vms: u64,
}

impl SharedData {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Envoy's view of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cluster {
    Up,
    /// It has no host, so a call cannot start.
    Empty,
}

impl Settings {
    /// The settings of a host with these rules, this configuration of the filter and the clusters that it names.
    pub fn new(rules: Rules, configuration: &Value) -> Self {
        let mut clusters = BTreeMap::new();
        note_clusters(configuration, &mut clusters);
        Self {
            rules,
            wasm: None,
            configuration: configuration.to_string().into_bytes(),
            environment: BTreeMap::new(),
            clusters,
            properties: BTreeMap::new(),
            has_crypto: true,
            has_shared_data: false,
            shared: SharedData::default(),
            hands_out_bodies: true,
            now: testbed::mint::now(),
        }
    }
}

fn note_clusters(value: &Value, clusters: &mut BTreeMap<String, Cluster>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().filter(|_| name.ends_with("cluster")) {
                    Some(cluster) => drop(clusters.insert(cluster.to_owned(), Cluster::Up)),
                    None => note_clusters(value, clusters),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                note_clusters(value, clusters);
            }
        }
        _ => {}
    }
}

/// The result of a call.
#[derive(Clone, Debug)]
pub enum Answer {
    Response {
        status: u16,
        body: Vec<u8>,
    },
    /// The connection broke: Envoy then calls back with no data, nginx with the reason.
    Broken,
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::Response { status: 200, body }
    }

    pub fn status(status: u16) -> Self {
        let body = Vec::new();
        Self::Response { status, body }
    }
}
