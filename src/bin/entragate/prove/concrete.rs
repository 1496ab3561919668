//! An assignment of the facts as a request and a token that have these facts.
//!
//! They are only a proposal, which the filter's gate must confirm.

use super::facts::Facts;
use super::facts::request::{OTHER_METHOD, POST};
use super::facts::texts::{Chosen, Texts};
use super::solver::{Lit, Var};
use crate::policy_test::caller::{self, Actor, Kind, Shorthand};
use crate::policy_test::request::escaped;
use entragate::config::Config;
use entragate::http::cluster::Cluster;
use entragate::model::Model;
use entragate::model::endpoint::{BeforeBody, Target};
use entragate::time::Timestamp;
use entragate::token::facets;
use entragate::token::issuer::{Authority, Issuer};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// A request that breaks an assertion, in the form of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// `None`: the request has no token.
    pub caller: Option<Value>,
    pub request: Value,
}

/// The values of the facts that a request should have.
pub struct Wanted {
    /// All facts.
    pub values: HashMap<Var, bool>,
    /// The facts that the goal needs, each as the literal that is true.
    pub core: HashSet<Lit>,
}

/// Why there is no request with these facts.
pub enum Obstacle {
    /// These facts contradict each other.
    Impossible(Vec<Lit>),
    Unknown,
}

impl Wanted {
    fn is(&self, literal: Lit) -> bool {
        self.values.get(&literal.var()) == Some(&literal.sign())
    }

    /// Whether a fact is true and the goal needs it.
    fn needs(&self, literal: Lit) -> bool {
        self.core.contains(&literal)
    }

    /// Whether the goal needs the value of a fact.
    fn matters(&self, literal: Lit) -> bool {
        self.core.contains(&literal) || self.core.contains(&!literal)
    }

    /// A text whose patterns have the values that the goal needs.
    fn text(&self, texts: &Texts, related: &[Lit]) -> Result<String, Obstacle> {
        let matters = |literal: &Lit| self.matters(*literal) || related.contains(literal);
        let values = texts
            .literals()
            .filter(matters)
            .map(|literal| (literal, self.is(literal)));
        match texts.choose(&values.collect()) {
            Chosen::Text(text) => Ok(text),
            Chosen::Impossible(values) => Err(Obstacle::Impossible(values)),
            Chosen::Unknown => Err(Obstacle::Unknown),
        }
    }
}

/// Writes a request with the wanted facts.
///
/// # Errors
/// No request has these texts.
pub fn write(facts: &Facts, wanted: &Wanted, config: &Config) -> Result<Witness, Obstacle> {
    let mut cells = facts.moments.0.iter();
    let cell = cells.find(|(_, literal)| wanted.is(*literal));
    let now = cell.map_or(Timestamp::from_secs(0), |(at, _)| *at);
    let mut request = request(facts, wanted, config)?;
    request.insert("time".into(), now.to_rfc3339().into());
    let issuer = config.issuers.iter().find(|issuer| {
        facts
            .issuers
            .get(&*issuer.name)
            .is_some_and(|literal| wanted.is(*literal))
    });
    let caller = issuer.map(|issuer| self::caller(facts, wanted, config, issuer, now));
    Ok(Witness {
        caller,
        request: Value::Object(request),
    })
}

fn request(
    facts: &Facts,
    wanted: &Wanted,
    config: &Config,
) -> Result<Map<String, Value>, Obstacle> {
    let own = &facts.request;
    let related = &own.by_endpoints;
    let mut request = Map::new();
    let method = own.methods.iter().find(|(_, literal)| wanted.is(**literal));
    let method = method.map_or(OTHER_METHOD, |(name, _)| name);
    let others = [
        "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "QUERY", "PURGE", "OTHER",
    ];
    let unnamed = others
        .iter()
        .find(|other| !own.methods.contains_key(**other));
    let method = if method == OTHER_METHOD {
        unnamed.copied().unwrap_or(POST)
    } else {
        method
    };
    request.insert("method".into(), method.into());
    let host = wanted.text(&own.host, related)?;
    let mut path = wanted.text(&own.path, related)?;
    if wanted.needs(own.lists_one) {
        path = format!("/v1/models/{}", wanted.text(&own.listed, &[])?);
    }
    let cluster = if wanted.is(own.is_cluster_known) {
        Some(wanted.text(&own.cluster, related)?)
    } else {
        None
    };
    let mut body = Map::new();
    if wanted.is(own.model_state.named) {
        let known = match &cluster {
            Some(name) => Cluster::reported_like(Some(name.as_bytes()), &Cluster::default()),
            None => Cluster::default(),
        };
        let target = Target {
            host: &host,
            cluster: &known,
            path: &path,
        };
        let before_body = config.endpoints.model(target, false);
        let reads_body = matches!(
            config.endpoints.model(target, true),
            BeforeBody::NeedsBody(_)
        );
        match (before_body, in_path(&path)) {
            (BeforeBody::Final(found @ (Model::Named(_) | Model::Unavailable(_))), Some(place)) => {
                let model = wanted.text(&own.model, &[])?;
                if !matches!(found, Model::Named(name) if name == model) {
                    path = format!("{place}{model}");
                }
            }
            // The shortest path ends where the name would begin.
            (BeforeBody::Final(Model::None), Some(place)) if !reads_body => {
                path = format!("{place}{}", wanted.text(&own.model, &[])?);
            }
            (BeforeBody::Final(Model::Named(_)), None) => {}
            (BeforeBody::Final(_) | BeforeBody::NeedsBody(_), _) => {
                let model = wanted.text(&own.model, &[])?;
                body.insert("model".into(), model.into());
            }
        }
    } else if wanted.is(own.model_state.unknown) {
        body.insert("model".into(), "org/name".into());
    }
    if wanted.needs(own.message.message) {
        body.insert("jsonrpc".into(), "2.0".into());
        body.insert("id".into(), 1.into());
        let method = wanted.text(&own.message_method, &[])?;
        body.insert("method".into(), method.into());
        if wanted.is(own.names_tool) {
            let tool = wanted.text(&own.message_tool, &[])?;
            body.insert("params".into(), json!({ "name": tool }));
        }
    }
    let is_unreadable =
        wanted.needs(own.model_state.unavailable) || wanted.needs(own.message.unavailable);
    if is_unreadable {
        request.insert("body".into(), "unreadable".into());
    } else if !body.is_empty() {
        request.insert("body".into(), body.into());
    }
    request.insert("host".into(), host.into());
    request.insert("path".into(), escaped(&path).into());
    if let Some(cluster) = cluster {
        request.insert("cluster".into(), cluster.into());
    }
    let mut addresses = facts.addresses.cells.iter();
    if let Some((address, _)) = addresses.find(|(_, literal)| wanted.is(*literal)) {
        request.insert("source".into(), address.to_string().into());
    }
    if wanted.is(own.peer_state.uri) {
        request.insert("peer".into(), wanted.text(&own.peer, &[])?.into());
    }
    Ok(request)
}

/// The prefix of a path that ends with the name of a model.
fn in_path(path: &str) -> Option<&'static str> {
    let places = ["/hf-inference/models/", "/models/"];
    places.into_iter().find(|place| path.starts_with(place))
}

fn caller(
    facts: &Facts,
    wanted: &Wanted,
    config: &Config,
    issuer: &Issuer,
    now: Timestamp,
) -> Value {
    let text = |text: &super::facts::claims::Text| {
        let mut values = text.values.iter();
        values
            .find(|(_, literal)| wanted.is(**literal))
            .map(|(value, _)| value.clone())
    };
    let names = |names: &super::facts::claims::Names| {
        let held = names
            .held
            .iter()
            .filter(|(_, literal)| wanted.needs(**literal));
        let held: Vec<String> = held.map(|(name, _)| name.clone()).collect();
        (!held.is_empty()).then_some(held)
    };
    let kinds = [
        (facts.user, Kind::User),
        (facts.app, Kind::App),
        (facts.agent, Kind::Agent),
    ];
    let is_entra = matches!(issuer.authority, Authority::Entra(_));
    let kind = kinds.into_iter().find(|(literal, _)| wanted.is(*literal));
    // If any kind of caller will do, the caller is a person.
    let matters = kinds.iter().any(|(literal, _)| wanted.matters(*literal));
    let usual = (is_entra && !matters).then_some((facts.user, Kind::User));
    let is_unknown = kind.is_none();
    let kind = kind.or(usual);
    let described = Shorthand {
        tenant: text(&facts.tenant),
        object: text(&facts.object),
        client: text(&facts.client),
        kind: kind.map(|(_, kind)| kind),
        actor: (is_entra && wanted.is(facts.acts_as_agent)).then_some(Actor::Agent),
        roles: names(&facts.roles),
        groups: names(&facts.groups),
        scopes: names(&facts.scopes),
        directory_roles: names(&facts.directory_roles),
        auth_contexts: names(&facts.contexts),
        mfa: facts
            .methods
            .held
            .values()
            .any(|literal| wanted.needs(*literal)),
        ..Shorthand::default()
    };
    let mut claims = caller::unchecked_claims(&described, issuer, config.token.max_lifetime, now);
    let audiences = facts.audiences.iter();
    let audiences = audiences.filter(|(_, literal)| wanted.is(**literal));
    let audiences: Vec<&String> = audiences.map(|(audience, _)| audience).collect();
    if !audiences.is_empty() {
        claims.insert("aud".into(), json!(audiences));
    }
    if is_entra && kind.is_none() {
        claims.insert(facets::TYPE.into(), "unclear".into());
    }
    if is_entra && wanted.is(facts.acts_as_no_agent) {
        claims.insert(facets::ACTOR.into(), "1".into());
    } else if is_unknown && wanted.needs(!facts.acts_as_agent) {
        // If facets cannot be read, the actor and the kind are unknown.
        claims.insert(facets::ACTOR.into(), 1.into());
    }
    let mut elsewhere = Map::new();
    let mut refer = |name: Option<&str>| {
        elsewhere.extend(name.map(|name| (name.to_owned(), Value::from("src1"))));
    };
    let own = &issuer.claims;
    if wanted.needs(facts.roles.unclear) {
        refer(own.roles.path.first());
    }
    if wanted.needs(facts.scopes.unclear) {
        refer(own.scope.as_ref().map_or(Some("scp"), |path| path.first()));
    }
    if wanted.needs(facts.client.unclear) {
        refer(own.client.as_ref().map_or(Some("azp"), |path| path.first()));
    }
    if wanted.needs(facts.tenant.unclear) {
        refer(own.tenant.first());
    }
    if wanted.needs(facts.directory_roles.unclear) {
        refer(Some("wids"));
    }
    if wanted.needs(facts.managed_identity.unclear) {
        refer(Some("xms_mirid"));
    }
    if wanted.needs(facts.groups.unclear)
        && let Some(name) = own.groups.path.member_name()
    {
        let listed = claims.entry(name).or_insert_with(|| json!([]));
        match listed {
            Value::Array(items) => items.push(json!(1)),
            other => *other = json!(1),
        }
    }
    for (unclear, name) in [
        (facts.methods.unclear, "amr"),
        (facts.contexts.unclear, "acrs"),
    ] {
        if wanted.needs(unclear) {
            claims.insert(name.into(), json!(1));
        }
    }
    let resource = text(&facts.managed_identity);
    let any = wanted
        .is(facts.has_managed_identity)
        .then(|| "/subscriptions/other".to_owned());
    if let Some(resource) = resource.or(any) {
        claims.insert("xms_mirid".into(), resource.into());
    }
    if wanted.needs(facts.overage) {
        claims.insert("hasgroups".into(), true.into());
    }
    for claim in facts.claims.0.values() {
        let value = value_of(claim, wanted);
        if let Some(value) = value {
            caller::set(&mut claims, &claim.path, value);
        } else if wanted.is(claim.absent) && wanted.needs(claim.elsewhere) {
            let first = claim.path.trim_start_matches('/').split('/').next();
            refer(first);
        }
    }
    if !elsewhere.is_empty() {
        claims.insert("_claim_names".into(), elsewhere.into());
    }
    let mut caller = json!({"issuer": &*issuer.name, "claims": claims});
    if wanted.needs(facts.are_groups_known) {
        let returned = facts
            .graph_groups
            .iter()
            .filter(|(_, literal)| wanted.is(**literal));
        let returned: Vec<&String> = returned.map(|(group, _)| group).collect();
        caller["graph_groups"] = json!(returned);
    }
    caller
}

/// A value of a claim; `None` if the token has none.
fn value_of(claim: &super::facts::claims::Claim, wanted: &Wanted) -> Option<Value> {
    let mut scalars = claim.scalars.iter();
    if let Some((value, _)) = scalars.find(|(_, literal)| wanted.is(*literal)) {
        return Some(value.clone());
    }
    if wanted.is(claim.array) {
        let items = claim
            .items
            .iter()
            .filter(|(_, literal)| wanted.is(*literal));
        return Some(items.map(|(item, _)| item.clone()).collect());
    }
    if wanted.is(claim.object) {
        return Some(json!({}));
    }
    if wanted.is(claim.other_scalar) {
        let numbers = claim
            .numbers
            .iter()
            .filter(|(_, literal)| wanted.is(**literal));
        let numbers: Vec<String> = numbers.map(|(number, _)| number.to_string()).collect();
        let text = match (wanted.is(claim.is_numbers), numbers.is_empty()) {
            (true, false) => numbers.join(" "),
            (true, true) => "0".to_owned(),
            (false, _) => "other".to_owned(),
        };
        return Some(text.into());
    }
    None
}
