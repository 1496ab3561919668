//! Determines the model at a destination.

use super::{InPath, Model, name};
use crate::decision::BodyUnavailable;
use crate::http::cluster::Cluster;
use crate::pattern::Pattern;

/// Below this path, the body's `model` is trusted unless an entry says otherwise.
const BODY_DECIDES: &str = "/v1/";

/// The compiled form of `endpoints`. The first matching entry applies.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(pub Vec<Endpoint>);

/// Hosts, clusters and paths whose model comes from the same source. An empty list matches
/// everything.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    pub hosts: Vec<Pattern>,
    pub clusters: Vec<Pattern>,
    pub paths: Vec<Pattern>,
    pub source: Source,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A fixed model, regardless of the request.
    Fixed(String),
    Path,
    #[default]
    Body,
}

/// The parts of a request's destination that determine the model.
#[derive(Clone, Copy, Debug)]
pub struct Target<'r> {
    /// The host in lower case, without port.
    pub host: &'r str,
    pub cluster: &'r Cluster,
    /// The normalized path.
    pub path: &'r str,
}

/// What is known about the model of a request before its body is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeforeBody {
    Final(Model),
    /// The body may also name the model, or contradict the path.
    NeedsBody(InPath),
}

impl Endpoints {
    /// Returns whether any entry names clusters.
    pub fn name_clusters(&self) -> bool {
        self.0.iter().any(|endpoint| !endpoint.clusters.is_empty())
    }

    /// Returns the model, as far as it is known before the body is read.
    pub fn model(&self, target: Target<'_>, has_body: bool) -> BeforeBody {
        let source = self.find(target);
        if let Some(Source::Fixed(model)) = source {
            return BeforeBody::Final(Model::Named(model.clone()));
        }
        let model = match self.in_path_for(source, target.path) {
            in_path @ (InPath::Nothing | InPath::Hint(_)) if has_body => {
                return BeforeBody::NeedsBody(in_path);
            }
            InPath::Nothing | InPath::Hint(_) => Model::None,
            // A valid model in the body does not compensate for an invalid model in the path.
            in_path @ (InPath::Decides(Model::Named(_)) | InPath::Untrusted(Some(_)))
                if has_body =>
            {
                return BeforeBody::NeedsBody(in_path);
            }
            InPath::Decides(model) => model,
            InPath::Untrusted(_) if has_body || self.is_closed() => Model::Unknown,
            InPath::Untrusted(_) => Model::None,
        };
        BeforeBody::Final(model)
    }

    fn in_path_for(&self, source: Option<&Source>, path: &str) -> InPath {
        let hint = || name::within_path(path);
        match source {
            Some(Source::Path) => {
                let missing = Model::Unavailable(BodyUnavailable::Missing);
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

    /// Returns whether the entries are a complete list. A request that matches none of them then
    /// has an unknown model.
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
