//! An assignment of the facts as a request and a token that have these facts.
//!
//! They are only a proposal, which the filter's gate must confirm.

mod caller;
mod request;

use super::facts::Facts;
use super::facts::texts::{Chosen, Texts};
use super::solver::{Lit, Var};
use entragate::config::Config;
use entragate::time::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

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

    /// The first of these keys whose literal is true.
    fn first<'k, K>(&self, keys: &'k BTreeMap<K, Lit>) -> Option<&'k K> {
        let mut keys = keys.iter();
        let (key, _) = keys.find(|(_, literal)| self.is(**literal))?;
        Some(key)
    }

    /// The keys whose literals are true.
    fn all<'k, K>(&self, keys: &'k BTreeMap<K, Lit>) -> Vec<&'k K> {
        let keys = keys.iter().filter(|(_, literal)| self.is(**literal));
        keys.map(|(key, _)| key).collect()
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
    let mut request = request::request(facts, wanted, config)?;
    request.insert("time".into(), now.to_rfc3339().into());
    let issuer = config.issuers.iter().find(|issuer| {
        facts
            .issuers
            .get(&*issuer.name)
            .is_some_and(|literal| wanted.is(*literal))
    });
    let caller = issuer.map(|issuer| caller::caller(facts, wanted, config, issuer, now));
    Ok(Witness {
        caller,
        request: Value::Object(request),
    })
}
