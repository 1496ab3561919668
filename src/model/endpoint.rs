//! Which model answers where.

use super::{InPath, Model, ModelUnavailable, name};
use crate::http::cluster::Cluster;
use crate::pattern::Pattern;

/// Below this path the body's `model` is believed where no entry says otherwise.
const BODY_DECIDES: &str = "/v1/";

/// The compiled form of `endpoints`: the first that matches counts.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(pub Vec<Endpoint>);

/// Hosts, clusters and paths that have their model from one source. An empty list matches everything.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    pub hosts: Vec<Pattern>,
    pub clusters: Vec<Pattern>,
    pub paths: Vec<Pattern>,
    pub source: Source,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// This model, whatever the request says.
    Fixed(String),
    Path,
    #[default]
    Body,
}

/// Where a request goes, as far as it decides which model answers.
#[derive(Clone, Copy, Debug)]
pub struct Target<'r> {
    /// Lower case, without port.
    pub host: &'r str,
    pub cluster: &'r Cluster,
    /// Normalized.
    pub path: &'r str,
}

impl Endpoints {
    /// Whether an entry refers to clusters.
    pub fn name_clusters(&self) -> bool {
        self.0.iter().any(|endpoint| !endpoint.clusters.is_empty())
    }

    /// The model as far as it is known before the body is read.
    pub fn model(&self, target: Target<'_>, has_body: bool) -> Model {
        if let Some(Source::Fixed(model)) = self.find(target) {
            return Model::Named(model.clone());
        }
        match self.in_path(target) {
            InPath::Nothing | InPath::Hint(_) if has_body => Model::Unread,
            InPath::Nothing | InPath::Hint(_) => Model::None,
            // What the body says can't make up for a model that the path names badly.
            InPath::Decides(Model::Named(_)) | InPath::Untrusted(Some(_)) if has_body => {
                Model::Unread
            }
            InPath::Decides(model) => model,
            InPath::Untrusted(_) if has_body || self.is_closed() => Model::Unknown,
            InPath::Untrusted(_) => Model::None,
        }
    }

    /// What the path says about the model of a request whose body may name one too.
    pub fn in_path(&self, target: Target<'_>) -> InPath {
        let path = target.path;
        let hint = || name::within_path(path);
        match self.find(target) {
            Some(Source::Path) => {
                let missing = Model::Lacking(ModelUnavailable::Missing);
                InPath::Decides(name::in_path(path).unwrap_or(missing))
            }
            Some(Source::Body | Source::Fixed(_)) => hint().map_or(InPath::Nothing, InPath::Hint),
            None if self.is_closed() => InPath::Untrusted(None),
            None => match name::in_path(path) {
                Some(model) => InPath::Decides(model),
                None if path.starts_with(BODY_DECIDES) => {
                    hint().map_or(InPath::Nothing, InPath::Hint)
                }
                None => InPath::Untrusted(hint()),
            },
        }
    }

    /// Whether the entries say where each model is: a request that matches none then has an unknown
    /// model.
    fn is_closed(&self) -> bool {
        let places =
            |endpoint: &Endpoint| !endpoint.hosts.is_empty() || !endpoint.clusters.is_empty();
        self.0.iter().any(places)
    }

    fn find(&self, target: Target<'_>) -> Option<&Source> {
        let any = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
        };
        let matches = |e: &&Endpoint| {
            any(&e.hosts, target.host)
                && (e.clusters.is_empty() || target.cluster.is_among(&e.clusters))
                && any(&e.paths, target.path)
        };
        self.0.iter().find(matches).map(|endpoint| &endpoint.source)
    }
}

#[cfg(test)]
mod tests;
