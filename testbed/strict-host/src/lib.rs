//! A host for the real .wasm without a proxy: it makes the callbacks, answers the host calls, and is
//! stricter than any proxy. A call on which Envoy or ngx_wasm_module would abort, crash, hang or let
//! a request pass panics here with its reason. The test moves the clock; nothing sleeps.
//!
//! An interpreter runs the module (wasmi): it builds in seconds, while a compiling runtime takes
//! minutes, and a test runs few requests.

mod abi;
mod crypto;
mod exchange;
mod fields;
mod guest;
mod nginx;
mod reported;
mod rules;
mod settings;
mod state;
mod stream;
pub mod traffic;
mod wasi;

use std::sync::OnceLock;
use std::time::Duration;

use wasmi::{Config, Engine, Instance, Linker, Module, Store, WasmParams, WasmResults};

use self::rules::Step;
use self::state::{Response, State};
use self::stream::Stream;

pub use self::crypto::verify_signature;
pub use self::reported::{BRANCHED, Branches, CALLED, ENTERED, Numbers, Report};
pub use self::rules::Rules;
pub use self::settings::{Answer, Cluster, Settings, SharedData};
pub use self::state::Call;
pub use self::stream::{Fate, Fields, LocalReply, field};

const ROOT: u32 = 1;
/// More than any test uses.
const FUEL: u64 = u64::MAX;

/// One instance of the filter, in one worker.
pub struct Host {
    store: Store<State>,
    instance: Instance,
    next: u32,
}

/// # Panics
/// Every method panics if the filter makes a call that the host does not allow.
impl Host {
    /// Starts the filter.
    ///
    /// # Errors
    /// The log lines of the filter that rejected its configuration.
    pub fn start(settings: Settings) -> Result<Self, Vec<String>> {
        let module = match &settings.wasm {
            Some(wasm) => &compiled(wasm),
            None => built(),
        };
        let mut linker = Linker::new(module.engine());
        abi::define(&mut linker).expect("each import is defined once");
        wasi::define(&mut linker).expect("each import is defined once");
        reported::define(&mut linker).expect("each import is defined once");
        let mut store = Store::new(module.engine(), State::new(settings, ROOT));
        store
            .set_fuel(FUEL)
            .expect("the engine counts instructions");
        let instance = linker
            .instantiate_and_start(&mut store, module)
            .expect("the host defines every import of the filter");
        let mut host = Self {
            store,
            instance,
            next: ROOT + 1,
        };
        host.run::<(), ()>(Step::VmStart, ROOT, "_initialize", ());
        host.run::<_, ()>(Step::VmStart, ROOT, "proxy_on_context_create", (ROOT, 0));
        let started: u32 = host.run(Step::VmStart, ROOT, "proxy_on_vm_start", (ROOT, 0));
        let size = host.state().settings.configuration.len() as u32;
        let name = "proxy_on_configure";
        let configured: u32 = host.run(Step::Configure, ROOT, name, (ROOT, size));
        match (started, configured) {
            (1, 1) => Ok(host),
            _ if host.rules() == Rules::Nginx => {
                panic!("a refused configuration leaves nginx running while its requests hang")
            }
            _ => Err(host.logs()),
        }
    }

    pub fn rules(&self) -> Rules {
        self.state().rules()
    }

    /// Advances the time in one step; calls time out; then a tick follows.
    pub fn advance(&mut self, time: Duration) {
        self.store.data_mut().now += time.as_nanos() as u64;
        let now = self.state().now;
        let overdue = |call: &&Call| call.deadline <= now;
        while let Some(token) = self.calls().iter().find(overdue).map(|call| call.token) {
            self.answer_token(token, Answer::status(504));
        }
        self.tick();
    }

    /// Advances the time without ending calls and without a tick.
    pub fn pass(&mut self, time: Duration) {
        self.store.data_mut().now += time.as_nanos() as u64;
    }

    pub fn tick(&mut self) {
        assert!(
            self.state().tick.is_some(),
            "the filter has not requested ticks"
        );
        self.run::<_, ()>(Step::Tick, ROOT, "proxy_on_tick", ROOT);
        self.release();
    }

    /// The open calls, oldest first.
    pub fn calls(&self) -> &[Call] {
        &self.state().calls
    }

    /// Answers the oldest call to a cluster; false if there is none.
    pub fn answer(&mut self, cluster: &str, answer: Answer) -> bool {
        let mut calls = self.calls().iter();
        let call = calls.find(|call| call.cluster == cluster);
        let token = call.map(|call| call.token);
        token
            .map(|token| self.answer_token(token, answer))
            .is_some()
    }

    /// Ends the call with the given token.
    pub fn answer_token(&mut self, token: u32, answer: Answer) {
        let rules = self.rules();
        let state = self.store.data_mut();
        let Some(at) = state.calls.iter().position(|call| call.token == token) else {
            panic!("no call {token} is open");
        };
        let context = state.calls.remove(at).context;
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let response = match (answer, rules) {
            (Answer::Response { status, body }, _) => Response {
                headers: vec![field(":status", &status.to_string())],
                body,
            },
            (Answer::Broken, Rules::Envoy) => Response::default(),
            (Answer::Broken, Rules::Nginx) => Response {
                headers: vec![field(":dispatch_status", "broken connection")],
                body: Vec::new(),
            },
        };
        let sizes = (response.headers.len() as u32, response.body.len() as u32);
        state.response = Some(response);
        let parameters = (ROOT, token, sizes.0, sizes.1, 0);
        let name = "proxy_on_http_call_response";
        self.run::<_, ()>(Step::CallResponse, context, name, parameters);
        self.store.data_mut().response = None;
        if rules == Rules::Nginx && context != ROOT {
            self.resume_by_itself(context);
        }
        self.release();
    }

    pub fn fate(&self, id: u32) -> &Fate {
        match self.state().streams.get(&id) {
            Some(stream) => &stream.fate,
            None => panic!("request {id} is over"),
        }
    }

    /// The filter state of a request, for access logs.
    pub fn filter_state(&self, id: u32, name: &str) -> Option<String> {
        let mut marks = self.state().streams.get(&id)?.filter_state.iter().rev();
        marks
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.clone())
    }

    /// The visible log lines since the last call: Envoy's at info, Kong's at its default level.
    pub fn logs(&mut self) -> Vec<String> {
        let rules = self.rules();
        let logs = std::mem::take(&mut self.store.data_mut().logs).into_iter();
        let shown = logs.filter_map(|(level, text)| match rules {
            Rules::Envoy => Some(text),
            Rules::Nginx => nginx::shown(level, text),
        });
        shown.collect()
    }

    /// The value of a metric, once the filter has defined it.
    pub fn metric(&self, name: &str) -> Option<i64> {
        let found = self.state().metrics.iter().find(|own| own.name == name);
        found.map(|own| own.value)
    }

    /// Whether the filter has set or changed a metric.
    pub fn was_recorded(&self, name: &str) -> bool {
        let mut metrics = self.state().metrics.iter();
        metrics.any(|own| own.name == name && own.is_recorded)
    }

    /// How much the filter has executed so far, in the interpreter's fuel: counted per instruction, and per
    /// 64 bytes for bulk copies and clears. Almost independent of the load of the machine.
    pub fn executed(&self) -> u64 {
        FUEL - self.store.get_fuel().unwrap_or(FUEL)
    }

    /// What an instrumented filter has reported since the last call.
    pub fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.store.data_mut().report)
    }

    /// The whole linear memory of the filter.
    pub fn linear_memory(&self) -> &[u8] {
        let memory = self.instance.get_memory(&self.store, "memory");
        let memory = memory.expect("the filter exports its memory");
        memory.data(&self.store)
    }

    fn state(&self) -> &State {
        self.store.data()
    }

    fn stream_mut(&mut self, id: u32) -> &mut Stream {
        let stream = self.store.data_mut().streams.get_mut(&id);
        stream.unwrap_or_else(|| panic!("request {id} is over"))
    }

    /// Applies a callback's result to a held request.
    fn acted(&mut self, id: u32, action: u32) {
        let calls = self
            .calls()
            .iter()
            .filter(|call| call.context == id)
            .count();
        let rules = self.rules();
        let stream = self.stream_mut(id);
        match (&stream.fate, action) {
            (Fate::Held, 0) if rules == Rules::Nginx && calls > 0 => {
                panic!("a callout and then Continue crashes ngx_wasm_module");
            }
            (Fate::Held, 0) => stream.forward(rules),
            (Fate::Held, 1) if rules == Rules::Nginx && calls == 0 => {
                panic!("a pause without a callout hangs for ever on ngx_wasm_module");
            }
            (Fate::Replied(_), 0) if rules == Rules::Envoy => {
                panic!("replied, and then Continue");
            }
            (_, 0 | 1) => {}
            (_, other) => panic!("the filter answered {other}"),
        }
        self.release();
    }

    /// If a request's last callout has ended without a reply, the request goes upstream unchanged.
    fn resume_by_itself(&mut self, id: u32) {
        let rules = self.rules();
        let waits = self.calls().iter().any(|call| call.context == id);
        let stream = self.stream_mut(id);
        if !waits && stream.fate == Fate::Held {
            stream.forward(rules);
        }
    }

    /// Forwards the requests that the filter resumed during the last callback.
    fn release(&mut self) {
        let rules = self.rules();
        for stream in self.store.data_mut().streams.values_mut() {
            if std::mem::take(&mut stream.is_resumed) && stream.fate == Fate::Held {
                stream.forward(rules);
            }
        }
    }

    fn run<P: WasmParams, R: WasmResults>(
        &mut self,
        step: Step,
        context: u32,
        name: &str,
        parameters: P,
    ) -> R {
        let state = self.store.data_mut();
        (state.step, state.effective) = (step, context);
        let function = self.instance.get_typed_func::<P, R>(&self.store, name);
        let function = function.unwrap_or_else(|error| panic!("{name}: {error}"));
        function
            .call(&mut self.store, parameters)
            .unwrap_or_else(|error| {
                let logs = self.logs().join("\n");
                panic!("{name} was aborted: {error}\n{logs}");
            })
    }
}

/// The filter's file, read once.
fn built() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = testbed::envoy::wasm_path();
        let bytes = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", path.display()));
        compiled(&bytes)
    })
}

fn compiled(wasm: &[u8]) -> Module {
    let mut config = Config::default();
    config.consume_fuel(true);
    Module::new(&Engine::new(&config), wasm).expect("the filter is a valid module")
}
