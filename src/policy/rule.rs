//! Compiled rules. Only the configuration creates them, and only the decision in this module reads them.

use super::bits::Bits;
use super::index::{Callers, Matches};
use super::messages::Messages;
use super::places::Places;
use super::requirement::{CONTEXTS, Condition, METHODS, Requirement};
use crate::decision::BodyUnavailable;
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
    /// Whether any rule names JSON-RPC messages.
    pub(super) has_messages: bool,
    pub(super) places: Places,
}

/// The indices over the rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub anonymous: Matches,
    pub matches: Matches,
    pub callers: Callers,
    /// Deny rules and allow rules, without shadow rules.
    pub denying: Bits,
    pub allowing: Bits,
}

impl Policy {
    pub fn new(anonymous: Vec<AnonymousRule>, rules: Vec<Rule>) -> Self {
        let (mut denying, mut allowing) = (Bits::none(rules.len()), Bits::none(rules.len()));
        for (index, rule) in rules.iter().enumerate() {
            match (rule.mode, rule.effect) {
                (Mode::Shadow, _) => {}
                (Mode::Enforce, Effect::Deny) => denying.add(index),
                (Mode::Enforce, Effect::Allow { .. }) => allowing.add(index),
            }
        }
        let index = Index {
            denying,
            allowing,
            anonymous: Matches::of(anonymous.iter().map(|rule| &rule.matches)),
            matches: Matches::of(rules.iter().map(|rule| &rule.matches)),
            callers: Callers::of(rules.iter().map(|rule| &rule.require)),
        };
        let mut policy = Self {
            anonymous,
            rules,
            index,
            has_messages: false,
            places: Places::default(),
        };
        let has_messages = policy.matches().any(|matches| matches.mcp.are_named());
        policy.has_messages = has_messages;
        policy.places = Places::of(&policy);
        policy
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
    /// Returns whether a caller of an issuer could satisfy the rule, judged only by the issuers that the rule names.
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
    /// Permits with the credential at this index; `None` sends no credential.
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

/// The requests that a rule matches: every field must match. A field matches if any of its entries does; an empty field
/// matches everything.
#[derive(Clone, Debug, Default)]
pub struct Match {
    pub hosts: Vec<Pattern>,
    /// Upper case.
    pub methods: Vec<String>,
    pub paths: Vec<Pattern>,
    pub models: Models,
    pub mcp: Messages,
    pub clusters: Clusters,
    /// Issuer names. Always empty for an anonymous rule.
    pub issuers: Vec<Arc<str>>,
}

/// The models that a rule matches; all models if there are no patterns.
#[derive(Clone, Debug, Default)]
pub struct Models {
    pub patterns: Vec<Pattern>,
    /// The rule denies. It then also matches requests with an unknown model, and its patterns are
    /// in lower case and ignore case: no two Hugging Face models differ only in case, so a rule
    /// that denies a model must deny every spelling of it.
    pub denies: bool,
}

/// The upstream clusters that a rule matches; all clusters if there are no patterns.
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
        self.may_cover(model) == Some(true)
    }

    /// Returns whether the rule matches a model; `None` if it has not been read or cannot be read.
    fn may_cover(&self, model: &Model) -> Option<bool> {
        let matches = |name: &str| self.patterns.iter().any(|pattern| pattern.matches(name));
        match model {
            _ if self.patterns.is_empty() => Some(true),
            Model::Named(name) if self.denies => Some(matches(&name.to_lowercase())),
            Model::Named(name) => Some(matches(name)),
            Model::Unknown => Some(self.denies),
            Model::None => Some(false),
            Model::Unread | Model::Unavailable(_) => None,
        }
    }
}

impl Match {
    /// Returns whether the rule matches. `issuer` is the name of the verified token's issuer, or
    /// `None` without a token.
    pub fn covers(&self, request: &Request, issuer: Option<&str>) -> bool {
        self.may_cover(request, issuer) == Some(true)
    }

    /// Returns whether the match depends on a part of the body that is unknown or not read yet.
    pub fn waits_for_body(&self, request: &Request, issuer: Option<&str>) -> bool {
        self.may_cover(request, issuer).is_none()
    }

    /// Returns whether the rule matches; `None` if that depends on a part of the body that is unknown or not read yet.
    pub fn may_cover(&self, request: &Request, issuer: Option<&str>) -> Option<bool> {
        if !self.covers_target(request) || !self.allows_issuer(issuer) {
            return Some(false);
        }
        match (
            self.models.may_cover(&request.model),
            self.mcp.cover(request),
        ) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (None, _) | (_, None) => None,
        }
    }

    /// Returns whether the match depends on a model that is unknown or not read yet, for callers of any issuer.
    pub(super) fn may_need_model(&self, request: &Request) -> bool {
        self.models.may_cover(&request.model).is_none()
            && self.mcp.cover(request) != Some(false)
            && self.covers_target(request)
    }

    /// Returns whether the match depends on messages that are unknown or not read yet, for callers of any issuer.
    pub(super) fn may_need_messages(&self, request: &Request) -> bool {
        self.mcp.cover(request).is_none()
            && self.models.may_cover(&request.model) != Some(false)
            && self.covers_target(request)
    }

    /// Returns why a match that waits for the body cannot be determined.
    pub(super) fn unavailable(&self, request: &Request) -> BodyUnavailable {
        let by_mcp = request.mcp.unavailable().filter(|_| self.mcp.are_named());
        by_mcp
            .or_else(|| request.model.unavailable())
            .unwrap_or(BodyUnavailable::Missing)
    }

    /// Returns the first field that does not match; `None` if there is none, or if that depends on the body.
    pub fn mismatch(&self, request: &Request, issuer: Option<&str>) -> Option<Field> {
        let fields = [
            (Field::Methods, Some(self.covers_method(request))),
            (Field::Hosts, Some(self.covers_host(request))),
            (Field::Paths, Some(self.covers_path(request))),
            (Field::Clusters, Some(self.clusters.cover(&request.cluster))),
            (Field::Issuers, Some(self.allows_issuer(issuer))),
            (Field::Models, self.models.may_cover(&request.model)),
        ];
        let mut fields = fields.into_iter();
        let found = fields.find(|(_, covers)| *covers == Some(false));
        found
            .map(|(field, _)| field)
            .or_else(|| self.mcp.mismatch(request))
    }

    /// Returns whether the rule can match callers of this issuer, or without a token if `None`.
    pub(super) fn allows_issuer(&self, issuer: Option<&str>) -> bool {
        any_or_empty(&self.issuers, |name| issuer == Some(name.as_ref()))
    }

    /// Returns whether the rule matches method, host, path and cluster.
    pub(super) fn covers_target(&self, request: &Request) -> bool {
        self.covers_method(request) && self.covers_place(request)
    }

    /// Returns whether the rule matches host, path and cluster.
    pub(super) fn covers_place(&self, request: &Request) -> bool {
        self.covers_path(request)
            && self.covers_host(request)
            && self.clusters.cover(&request.cluster)
    }

    fn covers_method(&self, request: &Request) -> bool {
        any_or_empty(&self.methods, |method| **method == *request.method)
    }

    fn covers_path(&self, request: &Request) -> bool {
        any_or_empty(&self.paths, |path| path.matches(&request.path))
    }

    fn covers_host(&self, request: &Request) -> bool {
        any_or_empty(&self.hosts, |host| host.matches(&request.host))
    }
}

/// A field of [`Match`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Methods,
    Hosts,
    Paths,
    Clusters,
    Issuers,
    Models,
    Mcp,
    McpMethods,
    McpTools,
}

impl Field {
    /// Returns the name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Methods => "methods",
            Self::Hosts => "hosts",
            Self::Paths => "paths",
            Self::Clusters => "clusters",
            Self::Issuers => "issuers",
            Self::Models => "models",
            Self::Mcp => "mcp",
            Self::McpMethods => "mcp.methods",
            Self::McpTools => "mcp.tools",
        }
    }
}

pub(super) fn any_or_empty<T>(items: &[T], test: impl Fn(&T) -> bool) -> bool {
    items.is_empty() || items.iter().any(test)
}

impl Policy {
    /// Returns the `match` of all rules, enforced or shadow.
    pub fn matches(&self) -> impl Iterator<Item = &Match> {
        let anonymous = self.anonymous.iter().map(|rule| &rule.matches);
        anonymous.chain(self.rules.iter().map(|rule| &rule.matches))
    }

    /// Returns whether any rule depends on the body: it names models or JSON-RPC messages.
    pub fn depends_on_bodies(&self) -> bool {
        let depends =
            |matches: &Match| !matches.models.patterns.is_empty() || matches.mcp.are_named();
        self.matches().any(depends)
    }

    /// Returns whether any rule, enforced or shadow, names clusters.
    pub fn names_clusters(&self) -> bool {
        self.matches()
            .any(|matches| !matches.clusters.patterns.is_empty())
    }

    /// Returns the names of the claims that rules, enforced or shadow, read in addition to the usual ones.
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
