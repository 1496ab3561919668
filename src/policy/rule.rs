//! Compiled rules, each with its name. Only the configuration makes them, only `decide` reads them.

use super::cidr::Cidr;
use super::index::{Callers, Matches};
use super::window::Window;
use crate::http::cluster::Cluster;
use crate::model::Model;
use crate::model::request::Request;
use crate::pattern::Pattern;
use crate::token::claim_path::ClaimPath;
pub use crate::token::claim_test::ClaimTest;
use crate::token::kind::Kind;
use std::sync::Arc;

/// All rules, in the order of the configuration. Made whole: the index is about just these.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Need no token; asked first.
    pub anonymous: Vec<AnonymousRule>,
    /// Ask about an authenticated caller.
    pub rules: Vec<Rule>,
    pub(super) index: Index,
}

/// Where to look among many rules.
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
    /// Index into the configured credentials; `None` forwards without any.
    pub credential: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub name: Arc<str>,
    pub matches: Match,
    pub require: Requirement,
    pub effect: Effect,
    pub mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Permits, with the credential of that index; `None` sends none.
    Allow {
        credential: Option<usize>,
    },
    Deny,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    /// Evaluated and recorded, without effect.
    Shadow,
}

/// Which requests a rule is about: all given fields must match, any entry of each.
/// An empty field matches everything.
#[derive(Clone, Debug, Default)]
pub struct Match {
    pub hosts: Vec<Pattern>,
    /// Upper case.
    pub methods: Vec<String>,
    pub paths: Vec<Pattern>,
    pub models: Models,
    pub clusters: Clusters,
    /// Names of issuers. Never given for an anonymous rule.
    pub issuers: Vec<Arc<str>>,
}

/// Which models a rule is about; without patterns, all.
#[derive(Clone, Debug, Default)]
pub struct Models {
    pub patterns: Vec<Pattern>,
    /// The rule denies. It is then about requests of unknown models, too, and its patterns are in lower
    /// case and match any case: Hugging Face has no two models that differ in case only, so that a rule
    /// that denies one must deny it in every spelling.
    pub denies: bool,
}

/// Which upstream clusters a rule is about; without patterns, all.
#[derive(Clone, Debug, Default)]
pub struct Clusters {
    pub patterns: Vec<Pattern>,
    /// The rule denies, and so is about requests of an unknown cluster, too.
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
            Model::None | Model::Unread | Model::Lacking(_) => false,
        }
    }
}

impl Match {
    /// `issuer`: the name of the verified token's issuer, if there is a token.
    pub fn covers(&self, request: &Request, issuer: Option<&str>) -> bool {
        self.covers_any_model(request)
            && self.allows_issuer(issuer)
            && self.models.cover(&request.model)
    }

    /// Whether it can be about callers of that issuer; `None`: about those without a token.
    pub(super) fn allows_issuer(&self, issuer: Option<&str>) -> bool {
        any_or_empty(&self.issuers, |name| issuer == Some(name.as_ref()))
    }

    /// Whether it is open if the rule is about the request, because the model can't be told (yet).
    pub fn waits_for_model(&self, request: &Request, issuer: Option<&str>) -> bool {
        request.model.lack().is_some()
            && self.may_wait_for_model(request)
            && self.allows_issuer(issuer)
    }

    /// The same as far as it can be told before the caller is known.
    pub fn may_wait_for_model(&self, request: &Request) -> bool {
        !self.models.patterns.is_empty() && self.covers_any_model(request)
    }

    fn covers_any_model(&self, request: &Request) -> bool {
        any_or_empty(&self.methods, |method| *method == request.method)
            && any_or_empty(&self.paths, |path| path.matches(&request.path))
            && any_or_empty(&self.hosts, |host| host.matches(&request.host))
            && self.clusters.cover(&request.cluster)
    }
}

pub(super) fn any_or_empty<T>(items: &[T], test: impl Fn(&T) -> bool) -> bool {
    items.is_empty() || items.iter().any(test)
}

/// What a rule asks of the caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Requirement {
    Role(String),
    Group(String),
    Scope(String),
    /// `wids`: a directory role's template id.
    DirectoryRole(String),
    Client(String),
    /// `oid`, or what the issuer's `object` is mapped to.
    Object(String),
    Tenant(String),
    Issuer(String),
    Kind(Kind),
    /// An ARM id (`xms_mirid`, without case) or the identity's `oid`.
    ManagedIdentity(String),
    /// `amr` tells of several factors.
    Mfa,
    /// `acrs` holds this authentication context.
    AuthContext(String),
    /// The client's address is in one of these ranges.
    Source(Vec<Cidr>),
    Time(Window),
    /// The URI in the client certificate matches.
    Peer(Pattern),
    Claim {
        path: ClaimPath,
        test: ClaimTest,
    },
    All(Vec<Requirement>),
    Any(Vec<Requirement>),
    Not(Box<Requirement>),
}

impl Policy {
    /// Whether any rule names models.
    pub fn names_models(&self) -> bool {
        let anonymous = self.anonymous.iter().map(|rule| &rule.matches);
        let rules = self.rules.iter().map(|rule| &rule.matches);
        anonymous
            .chain(rules)
            .any(|matches| !matches.models.patterns.is_empty())
    }

    /// Whether any rule, in force or shadow, names clusters.
    pub fn names_clusters(&self) -> bool {
        let anonymous = self.anonymous.iter().map(|rule| &rule.matches);
        let mut all = anonymous.chain(self.rules.iter().map(|rule| &rule.matches));
        all.any(|matches| !matches.clusters.patterns.is_empty())
    }

    /// Whether any rule, in force or shadow, asks for such a thing, however deep.
    pub fn asks_for(&self, wanted: impl Fn(&Requirement) -> bool) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.require.holds_any(&wanted))
    }
}

impl Requirement {
    /// Whether any part of it is one of those.
    pub(super) fn holds_any(&self, wanted: &dyn Fn(&Self) -> bool) -> bool {
        wanted(self)
            || match self {
                Self::All(parts) | Self::Any(parts) => {
                    parts.iter().any(|part| part.holds_any(wanted))
                }
                Self::Not(part) => part.holds_any(wanted),
                _ => false,
            }
    }
}
