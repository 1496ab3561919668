//! The host's state and the effects of host calls under each host's rules. Sources: proxy-wasm ABI 0.2.1;
//! Envoy's `source/extensions/common/wasm/context.cc`; ngx_wasm_module's `ngx_proxy_wasm_host.c`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::crypto;
use super::nginx::{self, MetricKind};
use super::reported::Report;
use super::rules::{Answered, Rules, Status, Step, Trap, trap};
use super::stream::{Fate, Fields, LocalReply, Stream};
use super::{Cluster, Settings};

/// An open call of the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub token: u32,
    /// The context that made it: the root or a request.
    pub context: u32,
    pub cluster: String,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub timeout: Duration,
    /// On the host's clock, in nanoseconds.
    pub(super) deadline: u64,
}

impl Call {
    /// The first value of a header, pseudo-headers among them.
    pub fn header(&self, name: &str) -> Option<String> {
        super::stream::field(&self.headers, name)
    }
}

/// An answer as the filter reads it.
#[derive(Clone, Debug, Default)]
pub(super) struct Response {
    pub headers: Fields,
    pub body: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct State {
    pub settings: Settings,
    pub now: u64,
    pub step: Step,
    pub root: u32,
    /// The context to which callbacks and calls refer.
    pub effective: u32,
    pub streams: BTreeMap<u32, Stream>,
    pub calls: Vec<Call>,
    pub response: Option<Response>,
    pub tick: Option<Duration>,
    pub metrics: Vec<Metric>,
    pub logs: Vec<(u32, String)>,
    pub report: Report,
    next_token: u32,
    random: u64,
    /// Properties read outside a request, each of which the engine logs.
    vain_properties: u32,
}

/// A metric as the filter has defined it.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    pub name: String,
    pub kind: MetricKind,
    pub value: i64,
    /// Whether the filter has set the metric.
    pub is_recorded: bool,
}

impl State {
    pub fn new(settings: Settings, root: u32) -> Self {
        let number = {
            let mut shared = settings.shared.lock();
            shared.vms += 1;
            shared.vms - 1
        };
        Self {
            now: settings.now * 1_000_000_000,
            settings,
            step: Step::VmStart,
            root,
            effective: root,
            streams: BTreeMap::new(),
            calls: Vec::new(),
            response: None,
            tick: None,
            metrics: Vec::new(),
            logs: Vec::new(),
            report: Report::default(),
            next_token: 1,
            vain_properties: 0,
            random: 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(2 * number + 1),
        }
    }

    pub fn rules(&self) -> Rules {
        self.settings.rules
    }

    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.effective)
    }

    pub fn set_tick_period(&mut self, millis: u32) -> Answered<()> {
        if self.rules() == Rules::Nginx && self.tick.is_some() {
            return trap("the tick period is already set");
        }
        self.tick = (millis > 0).then(|| Duration::from_millis(millis.into()));
        Ok(Ok(()))
    }

    pub fn property(&mut self, path: &str) -> Answered<Vec<u8>> {
        let dotted = path.replace('\0', ".");
        let is_root = self.effective == self.root;
        let given = self.settings.properties.get(&dotted).cloned();
        let status = self.stream().and_then(|stream| stream.response_status);
        let received = self.stream().map(|stream| stream.bytes_received);
        let is_log = self.step == Step::Log;
        let text = |value: String| value.into_bytes();
        let own = match (self.rules(), dotted.as_str()) {
            (Rules::Envoy, "xds.node.id") => Some(Vec::new()),
            (Rules::Envoy, "plugin_name" | "plugin_root_id") => Some(text("entragate".into())),
            (Rules::Envoy, "response.code") if is_log => {
                Some(i64::from(status.unwrap_or_default()).to_le_bytes().to_vec())
            }
            (Rules::Envoy, "request.total_size") => {
                received.map(|size| size.to_le_bytes().to_vec())
            }
            (Rules::Nginx, "plugin_name") if is_root && self.step == Step::CallResponse => {
                return trap("plugin_name was read in the root's on_http_call_response");
            }
            (Rules::Nginx, "plugin_name") => Some(text("entragate".into())),
            (Rules::Nginx, _) if is_root => {
                self.vain_properties += 1;
                return match self.vain_properties {
                    1 => Ok(Err(Status::InternalFailure)),
                    _ => trap(format!("{dotted}: the engine would log another error line")),
                };
            }
            (Rules::Nginx, "ngx.nginx_version") => Some(text("1.27.1".into())),
            (Rules::Nginx, "response.code") => Some(text(status.unwrap_or_default().to_string())),
            (Rules::Nginx, "request.total_size") => received.map(|size| text(size.to_string())),
            _ => None,
        };
        Ok(given.or(own).ok_or(Status::NotFound))
    }

    pub fn set_property(&mut self, path: &str, value: &[u8]) -> Answered<()> {
        match self.rules() {
            Rules::Envoy => {
                let value = String::from_utf8_lossy(value).into_owned();
                let name = path.replace('\0', ".");
                Ok(self
                    .stream()
                    .map(|stream| stream.filter_state.push((name, value)))
                    .ok_or(Status::BadArgument))
            }
            Rules::Nginx if path.starts_with("ngx") => trap(format!("{path} can't be set")),
            Rules::Nginx => Ok(Err(Status::NotFound)),
        }
    }

    pub fn reply(&mut self, reply: LocalReply) -> Answered<()> {
        let (rules, step) = (self.rules(), self.step);
        let is_response = matches!(step, Step::ResponseHeaders | Step::ResponseBody);
        if rules == Rules::Nginx {
            if is_response {
                return trap("a reply in a response callback hangs");
            }
            nginx::may_reply(&reply)?;
        }
        let Some(stream) = self.stream() else {
            return match rules {
                Rules::Envoy => Ok(Err(Status::BadArgument)),
                Rules::Nginx => trap("a reply outside a request"),
            };
        };
        match stream.fate {
            Fate::Replied(_) => return trap("a second reply to one request"),
            Fate::Forwarded(_) if !is_response => {
                return trap("a reply to a request that has gone upstream");
            }
            Fate::Forwarded(_) | Fate::Held => {}
        }
        stream.is_open = false;
        stream.response_status = Some(reply.status);
        stream.fate = Fate::Replied(reply);
        Ok(Ok(()))
    }

    pub fn set_effective_context(&mut self, context: u32) -> Answered<()> {
        let is_known = context == self.root || self.streams.contains_key(&context);
        match self.rules() {
            Rules::Envoy if !is_known => Ok(Err(Status::BadArgument)),
            Rules::Envoy => {
                self.effective = context;
                Ok(Ok(()))
            }
            // Returns Ok without any effect.
            Rules::Nginx => Ok(Ok(())),
        }
    }

    pub fn continue_stream(&mut self) -> Answered<()> {
        match (self.rules(), self.stream()) {
            // Resumed after the callback; the headers are unavailable immediately.
            (Rules::Envoy, Some(stream)) => {
                stream.is_open = false;
                stream.is_resumed = true;
                Ok(Ok(()))
            }
            (Rules::Envoy, None) => Ok(Err(Status::BadArgument)),
            (Rules::Nginx, Some(_)) => Ok(Ok(())),
            (Rules::Nginx, None) => trap("the root resumed a request"),
        }
    }

    pub fn call(
        &mut self,
        cluster: &str,
        headers: Fields,
        body: Vec<u8>,
        millis: u32,
    ) -> Answered<u32> {
        let pseudo = |name| super::stream::field(&headers, name).filter(|value| !value.is_empty());
        let missing_header = [":method", ":path", ":authority"]
            .into_iter()
            .find(|name| pseudo(name).is_none());
        match self.rules() {
            Rules::Envoy => {
                if missing_header.is_some() {
                    return Ok(Err(Status::BadArgument));
                }
                match self.settings.clusters.get(cluster) {
                    None => return Ok(Err(Status::BadArgument)),
                    Some(Cluster::Empty) => return Ok(Err(Status::InternalFailure)),
                    Some(Cluster::Up) => {}
                }
            }
            Rules::Nginx => self.may_call_on_nginx(cluster, missing_header, millis)?,
        }
        let token = self.next_token;
        self.next_token += 1;
        let timeout = Duration::from_millis(millis.into());
        self.calls.push(Call {
            token,
            context: self.effective,
            cluster: cluster.to_owned(),
            headers,
            body,
            timeout,
            deadline: match millis {
                0 => u64::MAX,
                _ => self.now + u64::from(millis) * 1_000_000,
            },
        });
        Ok(Ok(token))
    }

    fn may_call_on_nginx(
        &self,
        cluster: &str,
        missing_header: Option<&str>,
        millis: u32,
    ) -> Result<(), Trap> {
        let is_root = self.effective == self.root;
        match self.step {
            Step::Tick | Step::RequestHeaders | Step::RequestBody => {}
            Step::CallResponse if !is_root => nginx::may_call_again(millis)?,
            step => {
                let who = if is_root { "root" } else { "request" };
                return trap(format!("a callout of the {who} in {step:?}"));
            }
        }
        if let Some(name) = missing_header {
            return trap(format!("a callout without {name}"));
        }
        let (host, port) = match cluster.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (cluster, "80"),
        };
        if host.is_empty() || port.parse::<u16>().is_err() {
            return trap(format!("a callout to {cluster:?}"));
        }
        Ok(())
    }

    pub fn foreign(&mut self, name: &str, argument: &[u8]) -> Answered<Vec<u8>> {
        match (self.rules(), name) {
            (Rules::Envoy, "verify_signature") if self.settings.has_crypto => {
                Ok(crypto::verify_signature(argument).ok_or(Status::BadArgument))
            }
            (Rules::Envoy, _) => Ok(Err(Status::NotFound)),
            (Rules::Nginx, _) => trap(format!("the foreign function {name}")),
        }
    }

    pub fn define_metric(&mut self, kind: u32, name: &str) -> Answered<u32> {
        let Some(kind) = MetricKind::of(kind) else {
            return Ok(Err(Status::BadArgument));
        };
        if self.rules() == Rules::Nginx {
            nginx::may_define_metric(name)?;
        }
        let name = name.to_owned();
        self.metrics.push(Metric {
            name,
            kind,
            value: 0,
            is_recorded: false,
        });
        Ok(Ok(self.metrics.len() as u32 - 1))
    }

    pub fn increment_metric(&mut self, id: u32, by: i64) -> Answered<()> {
        self.change_metric(id, nginx::may_increment, |value| *value += by)
    }

    pub fn record_metric(&mut self, id: u32, new: u64) -> Answered<()> {
        self.change_metric(id, nginx::may_record, |value| *value = new as i64)
    }

    pub fn metric(&self, id: u32) -> Answered<i64> {
        let metric = self.metrics.get(id as usize);
        Ok(metric.map(|own| own.value).ok_or(Status::NotFound))
    }

    fn change_metric(
        &mut self,
        id: u32,
        is_allowed_on_nginx: fn(MetricKind) -> Result<(), Trap>,
        change: impl FnOnce(&mut i64),
    ) -> Answered<()> {
        let rules = self.rules();
        match (self.metrics.get_mut(id as usize), rules) {
            (None, Rules::Envoy) => Ok(Err(Status::NotFound)),
            (None, Rules::Nginx) => trap("there is no such metric"),
            (Some(metric), rules) => {
                if rules == Rules::Nginx {
                    is_allowed_on_nginx(metric.kind)?;
                }
                change(&mut metric.value);
                metric.is_recorded = true;
                Ok(Ok(()))
            }
        }
    }

    pub fn shared_data(&mut self, key: &str) -> Answered<(Vec<u8>, u32)> {
        self.has_shared_data()?;
        let found = self.settings.shared.lock().entries.get(key).cloned();
        Ok(found.ok_or(Status::NotFound))
    }

    pub fn set_shared_data(&mut self, key: &str, value: &[u8], cas: u32) -> Answered<()> {
        self.has_shared_data()?;
        let mut shared = self.settings.shared.lock();
        let current = shared.entries.get(key).map(|(_, cas)| *cas);
        let collides = match self.rules() {
            Rules::Envoy => cas != 0 && current.is_some_and(|current| current != cas),
            Rules::Nginx => current.is_some_and(|current| current != cas),
        };
        if collides {
            return Ok(Err(Status::CasMismatch));
        }
        let next = current.unwrap_or_default() + 1;
        let entry = (value.to_vec(), next);
        shared.entries.insert(key.to_owned(), entry);
        Ok(Ok(()))
    }

    fn has_shared_data(&self) -> Result<(), Trap> {
        match self.rules() {
            Rules::Nginx if !self.settings.has_shared_data => trap("shared data without a shm_kv"),
            _ => Ok(()),
        }
    }

    /// Deterministic, so that tests are repeatable, but different for each VM.
    pub fn random(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            *byte = self.random as u8;
        }
    }
}

#[cfg(test)]
mod tests;
