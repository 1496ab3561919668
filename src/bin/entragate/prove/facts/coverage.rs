//! Whether a rule matches a request.

use super::request::{ModelState, POST, Request};
use super::texts::Texts;
use crate::prove::solver::{Lit, Solver};
use crate::prove::three::Three;
use entragate::mcp::CALL;
use entragate::pattern::Pattern;
use entragate::policy::rule::{Match, Models};
use std::collections::BTreeMap;

/// Whether a rule matches; neither value if that depends on a body that cannot be read.
pub type Coverage = Three;

impl Request {
    /// Whether a rule matches. `issuers` are the possible issuers of the token, by name; `None` without a token.
    pub fn covers(
        &mut self,
        solver: &mut Solver,
        matches: &Match,
        issuers: Option<&BTreeMap<String, Lit>>,
    ) -> Coverage {
        let target = self.covers_target(solver, matches);
        let issuers = match &matches.issuers[..] {
            [] => solver.always(),
            names => {
                let found = names
                    .iter()
                    .filter_map(|name| issuers?.get(&**name).copied());
                let found: Vec<Lit> = found.collect();
                solver.any(found)
            }
        };
        let (models, messages) = (
            self.covers_model(solver, matches),
            self.covers_message(solver, matches),
        );
        Three {
            yes: solver.all([target, issuers, models.yes, messages.yes]),
            no: solver.any([!target, !issuers, models.no, messages.no]),
        }
    }

    fn covers_target(&mut self, solver: &mut Solver, matches: &Match) -> Lit {
        let methods = match &matches.methods[..] {
            [] => solver.always(),
            methods => {
                let found = methods
                    .iter()
                    .filter_map(|method| self.methods.get(method).copied());
                let found: Vec<Lit> = found.collect();
                solver.any(found)
            }
        };
        let hosts = any_or_empty(&mut self.host, solver, &matches.hosts, false);
        let paths = any_or_empty(&mut self.path, solver, &matches.paths, false);
        let clusters = match &matches.clusters.patterns[..] {
            [] => solver.always(),
            patterns => {
                let among = any_or_empty(&mut self.cluster, solver, patterns, false);
                let known = solver.all([self.is_cluster_known, among]);
                let unknown = if matches.clusters.denies {
                    !self.is_cluster_known
                } else {
                    solver.never()
                };
                solver.any([known, unknown])
            }
        };
        solver.all([methods, hosts, paths, clusters])
    }

    fn covers_model(&mut self, solver: &mut Solver, matches: &Match) -> Three {
        covers_model(&mut self.model, self.model_state, solver, &matches.models)
    }

    /// Whether a rule covers the model whose entry is requested; neither value if the model has no valid name.
    pub fn covers_listed(&mut self, solver: &mut Solver, models: &Models) -> Three {
        covers_model(&mut self.listed, self.listed_state, solver, models)
    }

    fn covers_message(&mut self, solver: &mut Solver, matches: &Match) -> Three {
        let messages = &matches.mcp;
        if !messages.are_named() {
            return Three::known(solver.always());
        }
        let folds = messages.denies;
        let methods = any_or_empty(&mut self.message_method, solver, &messages.methods, folds);
        let is_call = self.message_method.matches(solver, CALL, false);
        let tools = match &messages.tools[..] {
            [] => solver.always(),
            patterns => {
                let among = any_or_empty(&mut self.message_tool, solver, patterns, folds);
                let named = solver.all([self.names_tool, among]);
                let unnamed = if messages.denies {
                    !self.names_tool
                } else {
                    solver.never()
                };
                solver.any([named, unnamed])
            }
        };
        let tools = solver.any([!is_call, tools]);
        let included = solver.all([methods, tools]);
        let post = solver.known(self.methods.get(POST));
        let may = if messages.denies {
            solver.always()
        } else {
            post
        };
        let excluded = solver.all([self.message.message, !included]);
        Three {
            yes: solver.all([may, self.message.message, included]),
            no: solver.any([!may, self.message.none, excluded]),
        }
    }

    /// Whether the request's cluster matches these patterns; always true if there are no patterns.
    pub fn is_sent_to(&mut self, solver: &mut Solver, clusters: &[Pattern]) -> Lit {
        match clusters {
            [] => solver.always(),
            patterns => {
                let among = any_or_empty(&mut self.cluster, solver, patterns, false);
                solver.all([self.is_cluster_known, among])
            }
        }
    }
}

fn covers_model(
    texts: &mut Texts,
    state: ModelState,
    solver: &mut Solver,
    models: &Models,
) -> Three {
    if models.patterns.is_empty() {
        return Three::known(solver.always());
    }
    let among = any_or_empty(texts, solver, &models.patterns, models.denies);
    let named = solver.all([state.named, among]);
    let other = solver.all([state.named, !among]);
    if models.denies {
        Three {
            yes: solver.any([named, state.unknown]),
            no: solver.any([other, state.none]),
        }
    } else {
        Three {
            yes: named,
            no: solver.any([other, state.unknown, state.none]),
        }
    }
}

/// Whether a text matches any of the patterns; true if there are none.
pub(super) fn any_or_empty(
    texts: &mut Texts,
    solver: &mut Solver,
    patterns: &[Pattern],
    folds: bool,
) -> Lit {
    if patterns.is_empty() {
        return solver.always();
    }
    let found = patterns
        .iter()
        .map(|pattern| texts.matches(solver, pattern.as_str(), folds));
    let found: Vec<Lit> = found.collect();
    solver.any(found)
}
