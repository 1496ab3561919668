//! Which model answers where.

use super::{Model, name};
use crate::policy::pattern::Pattern;

/// The compiled form of `endpoints`: the first that matches counts; where none does, the model is
/// looked for in the path, else in the body.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(pub Vec<Endpoint>);

/// Hosts and paths that have their model from one source. An empty list matches everything.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub hosts: Vec<Pattern>,
    pub paths: Vec<Pattern>,
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This model, whatever the request says.
    Fixed(String),
    Path,
    Body,
}

impl Endpoints {
    /// What is known of the model before any body. `path` is normalized, `host` in lower case.
    pub fn model(&self, host: &str, path: &str, has_body: bool) -> Model {
        let unread = match has_body {
            true => Model::Unread,
            false => Model::None,
        };
        let any = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
        };
        let matches = |e: &&Endpoint| any(&e.hosts, host) && any(&e.paths, path);
        match self.0.iter().find(matches).map(|endpoint| &endpoint.source) {
            Some(Source::Fixed(model)) => Model::Named(model.clone()),
            Some(Source::Path) => {
                name::in_path(path).unwrap_or(Model::Lacking(super::Lack::Missing))
            }
            Some(Source::Body) => unread,
            None => name::in_path(path).unwrap_or(unread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Lack;
    use super::*;

    #[test]
    fn the_first_match_counts_and_else_the_path_then_the_body() {
        let endpoint = |host: &str, path: &str, source| Endpoint {
            hosts: vec![Pattern::host(host)],
            paths: vec![Pattern::path(path)],
            source,
        };
        let endpoints = Endpoints(vec![
            endpoint("llama.x", "/v1/**", Source::Fixed("meta/llama".into())),
            endpoint("*.x", "/models/**", Source::Body),
            endpoint("*.x", "/p/**", Source::Path),
            endpoint("llama.x", "**", Source::Fixed("never".into())),
        ]);
        let named = |name: &str| Model::Named(name.into());
        for (host, path, expected) in [
            ("llama.x", "/v1/chat", named("meta/llama")),
            ("other.x", "/models/a/b", Model::Unread),
            ("other.x", "/p/x", Model::Lacking(Lack::Missing)),
            ("llama.x", "/embed", named("never")),
            ("else", "/models/a/b", named("a/b")),
            ("else", "/v1/chat", Model::Unread),
        ] {
            assert_eq!(endpoints.model(host, path, true), expected, "{host}{path}");
        }
        let bodiless = |host, path| endpoints.model(host, path, false);
        assert_eq!(bodiless("else", "/v1/models"), Model::None);
        assert_eq!(bodiless("llama.x", "/v1/models"), named("meta/llama"));
        assert_eq!(bodiless("else", "/models/a/b"), named("a/b"));
    }
}
