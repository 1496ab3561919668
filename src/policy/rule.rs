//! Compiled rules. Only the configuration creates them, and only this room's decision reads them.

use super::index::{Callers, Matches};
use super::requirement::{CONTEXTS, Condition, METHODS, Requirement};
use crate::http::cluster::Cluster;
use crate::logic::Operator;
use crate::model::Model;
use crate::model::request::Request;
use crate::pattern::Pattern;
use std::sync::Arc;

/// All rules, in the order of the configuration. Immutable, because the index covers exactly these
/// rules.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Rules that require no token. They are evaluated first.
    pub anonymous: Vec<AnonymousRule>,
    /// Rules for authenticated callers.
    pub rules: Vec<Rule>,
    pub(super) index: Index,
}

/// The indices over the rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub anonymous: Matches,
    pub matches: Matches,
    pub callers: Callers,
}

impl Policy {
    pub fn new(anonymous: Vec<AnonymousRule>, rules: Vec<Rule>) -> Self {
        let index = Index {
            anonymous: Matches::of(anonymous.iter().map(|rule| &rule.matches)),
            matches: Matches::of(rules.iter().map(|rule| &rule.matches)),
            callers: Callers::of(rules.iter().map(|rule| &rule.require)),
        };
        Self {
            anonymous,
            rules,
            index,
        }
    }
}

#[derive(Clone, Debug)]
pub struct AnonymousRule {
    pub name: Arc<str>,
    pub matches: Match,
    /// Index of the configured credential; `None` forwards the request without a credential.
    pub credential: Option<usize>,
    /// Who is billed; `None`: as the credential says.
    pub bill_to: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub name: Arc<str>,
    pub matches: Match,
    pub require: Requirement,
    pub effect: Effect,
    /// Who is billed; `None`: as the credential says.
    pub bill_to: Option<Arc<str>>,
    pub mode: Mode,
}

impl Rule {
    /// Returns whether a caller of that issuer could satisfy the rule, judged only by the issuers that it
    /// names.
    pub fn is_open_to(&self, issuer: &str) -> bool {
        let condition = |condition: &Condition| match condition {
            Condition::Issuer(name) => name == issuer,
            _ => true,
        };
        self.matches.allows_issuer(Some(issuer))
            && self
                .require
                .fold(&condition, &|operator, parts| match operator {
                    Operator::All => parts.min().unwrap_or(true),
                    Operator::Any => parts.max().unwrap_or(false),
                    Operator::Not => true,
                })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Permits with the credential of this index; `None` sends no credential.
    Allow {
        credential: Option<usize>,
    },
    Deny,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    /// Evaluated and recorded, but not enforced.
    Shadow,
}

/// Which requests a rule matches: every field must match, by any of its entries. An empty field
/// matches everything.
#[derive(Clone, Debug, Default)]
pub struct Match {
    pub hosts: Vec<Pattern>,
    /// Upper case.
    pub methods: Vec<String>,
    pub paths: Vec<Pattern>,
    pub models: Models,
    pub clusters: Clusters,
    /// Issuer names. Always empty for an anonymous rule.
    pub issuers: Vec<Arc<str>>,
}

/// Which models a rule matches; all models if there are no patterns.
#[derive(Clone, Debug, Default)]
pub struct Models {
    pub patterns: Vec<Pattern>,
    /// The rule denies. It then also matches requests with an unknown model, and its patterns are
    /// in lower case and ignore case: no two Hugging Face models differ in case only, so a rule
    /// that denies a model must deny every spelling of it.
    pub denies: bool,
}

/// Which upstream clusters a rule matches; all clusters if there are no patterns.
#[derive(Clone, Debug, Default)]
pub struct Clusters {
    pub patterns: Vec<Pattern>,
    /// The rule denies, and therefore also matches requests with an unknown cluster.
    pub denies: bool,
}

impl Clusters {
    pub(super) fn cover(&self, cluster: &Cluster) -> bool {
        match cluster.name() {
            _ if self.patterns.is_empty() => true,
            Some(_) => cluster.is_among(&self.patterns),
            None => self.denies,
        }
    }
}

impl Models {
    pub(super) fn cover(&self, model: &Model) -> bool {
        let matches = |name: &str| self.patterns.iter().any(|pattern| pattern.matches(name));
        match model {
            _ if self.patterns.is_empty() => true,
            Model::Named(name) if self.denies => matches(&name.to_lowercase()),
            Model::Named(name) => matches(name),
            Model::Unknown => self.denies,
            Model::None | Model::Unread | Model::Unavailable(_) => false,
        }
    }
}

impl Match {
    /// Returns whether the rule matches. `issuer` is the name of the verified token's issuer, or
    /// `None` without a token.
    pub fn covers(&self, request: &Request, issuer: Option<&str>) -> bool {
        self.covers_any_model(request)
            && self.allows_issuer(issuer)
            && self.models.cover(&request.model)
    }

    /// Returns whether the rule can match callers of this issuer, or without a token if `None`.
    pub(super) fn allows_issuer(&self, issuer: Option<&str>) -> bool {
        any_or_empty(&self.issuers, |name| issuer == Some(name.as_ref()))
    }

    /// Returns whether the match depends on a model that is unknown or not read yet.
    pub fn waits_for_model(&self, request: &Request, issuer: Option<&str>) -> bool {
        request.model.unavailable().is_some()
            && self.may_wait_for_model(request)
            && self.allows_issuer(issuer)
    }

    /// Returns the same before the caller is known, for any issuer.
    pub fn may_wait_for_model(&self, request: &Request) -> bool {
        !self.models.patterns.is_empty() && self.covers_any_model(request)
    }

    fn covers_any_model(&self, request: &Request) -> bool {
        any_or_empty(&self.methods, |method| **method == *request.method)
            && any_or_empty(&self.paths, |path| path.matches(&request.path))
            && any_or_empty(&self.hosts, |host| host.matches(&request.host))
            && self.clusters.cover(&request.cluster)
    }
}

pub(super) fn any_or_empty<T>(items: &[T], test: impl Fn(&T) -> bool) -> bool {
    items.is_empty() || items.iter().any(test)
}

impl Policy {
    /// Returns whether any rule names models.
    pub fn names_models(&self) -> bool {
        let anonymous = self.anonymous.iter().map(|rule| &rule.matches);
        let rules = self.rules.iter().map(|rule| &rule.matches);
        anonymous
            .chain(rules)
            .any(|matches| !matches.models.patterns.is_empty())
    }

    /// Returns whether any rule, enforced or shadow, names clusters.
    pub fn names_clusters(&self) -> bool {
        let anonymous = self.anonymous.iter().map(|rule| &rule.matches);
        let mut all = anonymous.chain(self.rules.iter().map(|rule| &rule.matches));
        all.any(|matches| !matches.clusters.patterns.is_empty())
    }

    /// Returns the names of the claims that rules, enforced or shadow, read beyond the usual ones.
    pub fn claims(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for rule in &self.rules {
            rule.require.visit(&mut |condition, _| match condition {
                Condition::Mfa => names.push(METHODS),
                Condition::AuthContext(_) => names.push(CONTEXTS),
                Condition::Claim(claim) => names.extend(claim.path.first()),
                _ => {}
            });
        }
        names
    }

    /// Returns whether any rule, enforced or shadow, contains a condition that passes the test, at any depth.
    pub fn has_condition(&self, wanted: impl Fn(&Condition) -> bool) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.require.contains_any(&wanted))
    }
}
