//! The source of a request's model: `endpoints`, or else the path or the body.

use super::coverage::any_or_empty;
use super::request::Request;
use crate::prove::solver::{Lit, Solver};
use entragate::model::endpoint::{Endpoint, Endpoints, Source};

impl Request {
    /// Adds the constraints between the model and the first entry that matches, or else the path.
    pub(super) fn relate_model(&mut self, solver: &mut Solver, endpoints: &Endpoints) {
        let is_closed = endpoints
            .0
            .iter()
            .any(|entry| !entry.hosts.is_empty() || !entry.clusters.is_empty());
        let mut before: Vec<Lit> = Vec::new();
        let mut fixed: Vec<(Lit, String)> = Vec::new();
        for entry in &endpoints.0 {
            let matches = self.is_at(solver, entry);
            let is_first = solver.all(before.iter().map(|earlier| !*earlier).chain([matches]));
            before.push(matches);
            match &entry.source {
                Source::Fixed(model) => {
                    solver.require(&[!is_first, self.model_state.named]);
                    fixed.push((is_first, model.clone()));
                }
                Source::Path => {
                    solver.require(&[
                        !is_first,
                        self.model_state.named,
                        self.model_state.unavailable,
                    ]);
                }
                Source::Body => solver.require(&[!is_first, !self.model_state.unknown]),
            }
        }
        let none = solver.all(before.iter().map(|earlier| !*earlier));
        if is_closed {
            solver.require(&[
                !none,
                self.model_state.unknown,
                self.model_state.unavailable,
            ]);
        } else {
            let mut path = |text: &str| {
                let literal = self.path.matches(solver, text, false);
                self.by_endpoints.push(literal);
                literal
            };
            let places = ["/models/**", "/hf-inference/models/**", "/v1/**"].map(&mut path);
            let [models, hf_models, body] = places;
            solver.require(&[!none, !self.model_state.named, models, hf_models, body]);
        }
        for (is_first, model) in fixed {
            let values: Vec<(Lit, bool)> = self.model.values_of(&model).collect();
            for (literal, matches) in values {
                solver.require(&[!is_first, if matches { literal } else { !literal }]);
            }
        }
    }

    fn is_at(&mut self, solver: &mut Solver, entry: &Endpoint) -> Lit {
        let hosts = any_or_empty(&mut self.host, solver, &entry.hosts, false);
        let paths = any_or_empty(&mut self.path, solver, &entry.paths, false);
        let clusters = self.is_sent_to(solver, &entry.clusters);
        for (texts, patterns) in [
            (&self.host, &entry.hosts),
            (&self.path, &entry.paths),
            (&self.cluster, &entry.clusters),
        ] {
            let known = patterns
                .iter()
                .filter_map(|pattern| texts.known(pattern.as_str(), false));
            self.by_endpoints.extend(known);
        }
        solver.all([hosts, paths, clusters])
    }
}
