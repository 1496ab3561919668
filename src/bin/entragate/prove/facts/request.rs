//! The facts of a request: its method, its texts, the model and the JSON-RPC message.
//!
//! A batch is permitted only if each of its messages is permitted with the same credential. So if a batch breaks an
//! assertion, a request with only one of its messages has the same facts and also breaks the assertion. The only
//! additional fact of a batch is that it needs a token if one of its messages needs one: anonymous rules for messages
//! then apply to none of them.

use super::texts::{Form, Texts};
use crate::prove::solver::{Lit, Solver};
use crate::prove::three::Three;
use entragate::config::Config;
use entragate::model::endpoint::Endpoints;
use entragate::pattern::Pattern;
use std::collections::BTreeMap;

pub struct Request {
    /// Exactly one is true; the empty name stands for all methods that no rule names.
    pub methods: BTreeMap<String, Lit>,
    pub host: Texts,
    pub path: Texts,
    pub cluster: Texts,
    pub is_cluster_known: Lit,
    pub model: Texts,
    pub model_state: ModelState,
    /// The request is for one entry of a list of models: the model with this id.
    pub lists_one: Lit,
    pub listed: Texts,
    pub listed_state: ModelState,
    pub message: MessageState,
    pub message_method: Texts,
    pub message_tool: Texts,
    pub names_tool: Lit,
    /// No other message of the same batch needs a token.
    pub others_are_open: Lit,
    pub peer: Texts,
    pub peer_state: PeerState,
    /// The literals that `endpoints` refers to: they relate host, cluster and path to the model.
    pub by_endpoints: Vec<Lit>,
}

/// Exactly one is true.
#[derive(Clone, Copy)]
pub struct ModelState {
    pub named: Lit,
    /// The request has no body that could name a model.
    pub none: Lit,
    pub unknown: Lit,
    /// The body cannot be read.
    pub unavailable: Lit,
}

impl ModelState {
    fn new(solver: &mut Solver) -> Self {
        Self {
            named: solver.variable(),
            none: solver.usual(),
            unknown: solver.variable(),
            unavailable: solver.variable(),
        }
    }
}

/// Exactly one is true.
pub struct MessageState {
    pub none: Lit,
    pub message: Lit,
    pub unavailable: Lit,
}

/// Exactly one is true.
pub struct PeerState {
    pub uri: Lit,
    pub absent: Lit,
    pub unknown: Lit,
}

const PATHS: Form = Form {
    separator: '/',
    // Requests with such paths are refused.
    never: &["**//**", "**/./**", "**/../**", "**/.", "**/.."],
    written: &["/**"],
    unwritten: &[],
    // The target of `OPTIONS *`.
    special: &["*"],
};
const HOSTS: Form = Form {
    separator: '.',
    never: &["**..**", ".**", "**."],
    written: &["**"],
    unwritten: &["", "**-", "-**"],
    special: &[],
};
const CLUSTERS: Form = Form {
    separator: '/',
    never: &[],
    written: &[],
    unwritten: &[""],
    special: &[],
};
const MODELS: Form = Form {
    unwritten: &[
        "", "**//**", "/**", "**/", "**/./**", "**/../**", "./**", "../**", "**/.", "**/..", ".",
        "..", "** ", " **",
    ],
    ..CLUSTERS
};
const MESSAGES: Form = CLUSTERS;
const TOOLS: Form = Form {
    unwritten: &["", "** ", " **"],
    ..CLUSTERS
};
const PEERS: Form = Form {
    written: &["*:**"],
    ..CLUSTERS
};

/// The name of all methods that no rule names.
pub const OTHER_METHOD: &str = "";

pub const POST: &str = "POST";

impl Request {
    /// `endpoints` are those of all configurations, if they are the same.
    pub fn of(solver: &mut Solver, configs: &[&Config], endpoints: Option<&Endpoints>) -> Self {
        let [model_state, listed_state] = [(); 2].map(|()| ModelState::new(solver));
        let message = MessageState {
            none: solver.usual(),
            message: solver.variable(),
            unavailable: solver.variable(),
        };
        let peer_state = PeerState {
            uri: solver.variable(),
            absent: solver.usual(),
            unknown: solver.variable(),
        };
        let mut request = Self {
            methods: BTreeMap::new(),
            host: Texts::new(HOSTS),
            path: Texts::new(PATHS),
            cluster: Texts::new(CLUSTERS),
            is_cluster_known: solver.variable(),
            model: Texts::new(MODELS),
            model_state,
            lists_one: solver.variable(),
            listed: Texts::new(MODELS),
            listed_state,
            message,
            message_method: Texts::new(MESSAGES),
            message_tool: Texts::new(TOOLS),
            names_tool: solver.variable(),
            others_are_open: solver.usual(),
            peer: Texts::new(PEERS),
            peer_state,
            by_endpoints: Vec::new(),
        };
        for method in ["GET", POST, OTHER_METHOD] {
            request.method(solver, method);
        }
        for config in configs {
            for matches in config.policy.matches() {
                for method in &matches.methods {
                    request.method(solver, method);
                }
                // Creates the variables of the patterns.
                request.covers(solver, matches, None);
                if configs.len() > 1 {
                    request.covers_listed(solver, &matches.models);
                }
            }
        }
        let lists = request.path.matches(solver, "/v1/models/**", false);
        request.by_endpoints.push(lists);
        solver.require(&[!request.lists_one, lists]);
        if let Some(endpoints) = endpoints {
            request.relate_model(solver, endpoints);
        }
        request
    }

    fn method(&mut self, solver: &mut Solver, name: &str) {
        self.methods
            .entry(name.to_owned())
            .or_insert_with(|| match name {
                POST => solver.usual(),
                _ => solver.variable(),
            });
    }

    pub fn note_peer(&mut self, solver: &mut Solver, pattern: &Pattern) {
        self.peer.matches(solver, pattern.as_str(), false);
    }

    pub fn is_peer(&self, solver: &mut Solver, pattern: &Pattern) -> Three {
        let matches = self.peer.known(pattern.as_str(), false);
        let matches = solver.known(matches.as_ref());
        let other = solver.all([self.peer_state.uri, !matches]);
        Three {
            yes: solver.all([self.peer_state.uri, matches]),
            no: solver.any([self.peer_state.absent, other]),
        }
    }

    /// Adds the constraints between the variables.
    pub fn relate(&self, solver: &mut Solver) {
        let methods: Vec<Lit> = self.methods.values().copied().collect();
        solver.exactly_one(&methods);
        for state in [self.model_state, self.listed_state] {
            solver.exactly_one(&[state.named, state.none, state.unknown, state.unavailable]);
        }
        let (get, head) = (self.methods.get("GET"), self.methods.get("HEAD"));
        let reads = [get, head].into_iter().flatten().copied();
        let reads: Vec<Lit> = reads
            .chain(self.methods.get(OTHER_METHOD).copied())
            .collect();
        solver.require(&[&[!self.lists_one], &reads[..]].concat());
        let MessageState {
            none,
            message,
            unavailable,
        } = self.message;
        solver.exactly_one(&[none, message, unavailable]);
        let PeerState {
            uri,
            absent,
            unknown,
        } = self.peer_state;
        solver.exactly_one(&[uri, absent, unknown]);
        for texts in [
            &self.host,
            &self.path,
            &self.cluster,
            &self.model,
            &self.listed,
            &self.message_method,
            &self.message_tool,
            &self.peer,
        ] {
            texts.relate(solver);
        }
    }
}
