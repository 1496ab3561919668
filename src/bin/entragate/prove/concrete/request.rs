//! The request of an assignment.

use super::{Obstacle, Wanted};
use crate::policy_test::request::escaped;
use crate::prove::facts::Facts;
use crate::prove::facts::request::{OTHER_METHOD, POST, Request};
use entragate::config::Config;
use entragate::http::cluster::Cluster;
use entragate::model::Model;
use entragate::model::endpoint::{BeforeBody, Endpoints, Target};
use serde_json::{Map, Value, json};

/// Writes the request, except its time.
///
/// # Errors
/// No request has these texts.
pub fn request(
    facts: &Facts,
    wanted: &Wanted,
    config: &Config,
) -> Result<Map<String, Value>, Obstacle> {
    let mut draft = Draft::new(&facts.request, wanted)?;
    if wanted.is(facts.request.model_state.named) {
        draft.name_model(&config.endpoints)?;
    } else if wanted.is(facts.request.model_state.unknown) {
        draft.body.insert("model".into(), "org/name".into());
    }
    draft.add_message()?;
    let mut request = draft.finish()?;
    let mut addresses = facts.addresses.cells.iter();
    if let Some((address, _)) = addresses.find(|(_, literal)| wanted.is(*literal)) {
        request.insert("source".into(), address.to_string().into());
    }
    Ok(request)
}

struct Draft<'f> {
    facts: &'f Request,
    wanted: &'f Wanted,
    host: String,
    path: String,
    cluster: Option<String>,
    body: Map<String, Value>,
}

impl<'f> Draft<'f> {
    fn new(facts: &'f Request, wanted: &'f Wanted) -> Result<Self, Obstacle> {
        let related = &facts.by_endpoints;
        let host = wanted.text(&facts.host, related)?;
        let mut path = wanted.text(&facts.path, related)?;
        if wanted.needs(facts.lists_one) {
            path = format!("/v1/models/{}", wanted.text(&facts.listed, &[])?);
        }
        let cluster = if wanted.is(facts.is_cluster_known) {
            Some(wanted.text(&facts.cluster, related)?)
        } else {
            None
        };
        Ok(Self {
            facts,
            wanted,
            host,
            path,
            cluster,
            body: Map::new(),
        })
    }

    /// Writes the model where the endpoint reads it: in the path or in the body.
    fn name_model(&mut self, endpoints: &Endpoints) -> Result<(), Obstacle> {
        let cluster = match &self.cluster {
            Some(name) => Cluster::reported_like(Some(name.as_bytes()), &Cluster::default()),
            None => Cluster::default(),
        };
        let target = Target {
            host: &self.host,
            cluster: &cluster,
            path: &self.path,
        };
        let reads_body = matches!(endpoints.model(target, true), BeforeBody::NeedsBody(_));
        match (endpoints.model(target, false), in_path(&self.path)) {
            (BeforeBody::Final(found @ (Model::Named(_) | Model::Unavailable(_))), Some(place)) => {
                let model = self.wanted.text(&self.facts.model, &[])?;
                if !matches!(found, Model::Named(name) if name == model) {
                    self.path = format!("{place}{model}");
                }
            }
            // The shortest path ends where the name would begin.
            (BeforeBody::Final(Model::None), Some(place)) if !reads_body => {
                let model = self.wanted.text(&self.facts.model, &[])?;
                self.path = format!("{place}{model}");
            }
            (BeforeBody::Final(Model::Named(_)), None) => {}
            (BeforeBody::Final(_) | BeforeBody::NeedsBody(_), _) => {
                let model = self.wanted.text(&self.facts.model, &[])?;
                self.body.insert("model".into(), model.into());
            }
        }
        Ok(())
    }

    /// Makes the body a JSON-RPC message if the goal needs one.
    fn add_message(&mut self) -> Result<(), Obstacle> {
        let (facts, wanted) = (self.facts, self.wanted);
        if !wanted.needs(facts.message.message) {
            return Ok(());
        }
        self.body.insert("jsonrpc".into(), "2.0".into());
        self.body.insert("id".into(), 1.into());
        let method = wanted.text(&facts.message_method, &[])?;
        self.body.insert("method".into(), method.into());
        if wanted.is(facts.names_tool) {
            let tool = wanted.text(&facts.message_tool, &[])?;
            self.body.insert("params".into(), json!({ "name": tool }));
        }
        Ok(())
    }

    fn finish(self) -> Result<Map<String, Value>, Obstacle> {
        let (facts, wanted) = (self.facts, self.wanted);
        let mut request = Map::new();
        request.insert("method".into(), method(facts, wanted).into());
        let is_unreadable =
            wanted.needs(facts.model_state.unavailable) || wanted.needs(facts.message.unavailable);
        if is_unreadable {
            request.insert("body".into(), "unreadable".into());
        } else if !self.body.is_empty() {
            request.insert("body".into(), self.body.into());
        }
        request.insert("host".into(), self.host.into());
        request.insert("path".into(), escaped(&self.path).into());
        if let Some(cluster) = self.cluster {
            request.insert("cluster".into(), cluster.into());
        }
        if wanted.is(facts.peer_state.uri) {
            request.insert("peer".into(), wanted.text(&facts.peer, &[])?.into());
        }
        Ok(request)
    }
}

/// The wanted method, or one that no rule names.
fn method<'f>(facts: &'f Request, wanted: &Wanted) -> &'f str {
    if let Some(method) = wanted.first(&facts.methods)
        && method != OTHER_METHOD
    {
        return method;
    }
    let mut others = [
        "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "QUERY", "PURGE", "OTHER",
    ]
    .into_iter();
    let unnamed = others.find(|other| !facts.methods.contains_key(*other));
    unnamed.unwrap_or(POST)
}

/// The prefix of a path that ends with the name of a model.
fn in_path(path: &str) -> Option<&'static str> {
    let places = ["/hf-inference/models/", "/models/"];
    places.into_iter().find(|place| path.starts_with(place))
}
