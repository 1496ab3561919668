//! The facts on which decisions depend, as variables: the facts of the token, the request and its context.
//!
//! Each real request has an assignment, which satisfies the constraints here. Some assignments may have no real
//! request, so the search passes the requests that it finds through the filter's gate.

pub mod claims;
pub mod context;
mod coverage;
mod endpoints;
mod issuers;
mod relations;
pub mod request;
pub mod texts;

use super::solver::{Lit, Solver};
use super::three::Three;
use claims::{Claims, Names, Text, key};
use context::{Addresses, Moments};
use coverage::Coverage;
use entragate::config::Config;
use entragate::model::endpoint::Endpoints;
use entragate::policy::requirement::{Condition, Requirement};
use entragate::policy::rule::Match;
use entragate::token::claim_test::ClaimCondition;
use entragate::token::facets::Actor;
use entragate::token::issuer::is_guid;
use entragate::token::kind::{Kind, KindRule};
use request::Request;
use std::collections::BTreeMap;

pub struct Facts {
    /// The issuers of a token, by name. At most one is true; with none, the request has no accepted token.
    pub issuers: BTreeMap<String, Lit>,
    pub audiences: BTreeMap<String, Lit>,
    pub tenant: Text,
    pub client: Text,
    pub object: Text,
    pub managed_identity: Text,
    pub has_managed_identity: Lit,
    pub roles: Names,
    pub scopes: Names,
    pub directory_roles: Names,
    /// The groups that the token lists.
    pub groups: Names,
    /// The token refers to groups that it does not list.
    pub overage: Lit,
    /// Microsoft Graph has returned the groups of a caller whose token does not list them.
    pub are_groups_known: Lit,
    pub graph_groups: BTreeMap<String, Lit>,
    pub user: Lit,
    pub app: Lit,
    pub agent: Lit,
    pub acts_as_agent: Lit,
    pub acts_as_no_agent: Lit,
    /// The name `mfa` stands for all methods that report several factors.
    pub methods: Names,
    pub contexts: Names,
    pub claims: Claims,
    pub moments: Moments,
    pub addresses: Addresses,
    pub request: Request,
}

/// The conditions and ranges that requirements contain.
#[derive(Default)]
struct Mentioned<'c> {
    conditions: Vec<&'c Condition>,
    claims: Vec<&'c ClaimCondition>,
}

impl<'c> Mentioned<'c> {
    fn by(configs: &[&'c Config]) -> Self {
        let mut mentioned = Self::default();
        for config in configs {
            for rule in &config.policy.rules {
                rule.require
                    .visit(&mut |condition, _| mentioned.conditions.push(condition));
            }
            for issuer in &config.issuers {
                if let KindRule::Claims { app, user } = &issuer.claims.kind {
                    for requirement in [app, user].into_iter().flatten() {
                        requirement.visit(&mut |claim, _| mentioned.claims.push(claim));
                    }
                }
            }
        }
        mentioned
    }
}

impl Facts {
    /// Creates the variables for everything that the configurations refer to.
    /// `endpoints` are those of all configurations, if they are the same.
    pub fn of(solver: &mut Solver, configs: &[&Config], endpoints: Option<&Endpoints>) -> Self {
        let mentioned = Mentioned::by(configs);
        let conditions = mentioned.conditions.iter();
        let windows = distinct(conditions.clone().filter_map(|condition| match condition {
            Condition::Time(window) => Some(*window),
            _ => None,
        }));
        let ranges = conditions.filter_map(|condition| match condition {
            Condition::Source(ranges) => Some(ranges),
            _ => None,
        });
        let ranges = distinct(ranges.flatten().copied());
        let mut facts = Self {
            issuers: BTreeMap::new(),
            audiences: BTreeMap::new(),
            tenant: Text::new(solver),
            client: Text::new(solver),
            object: Text::new(solver),
            managed_identity: Text::new(solver),
            has_managed_identity: solver.variable(),
            roles: Names::new(solver),
            scopes: Names::new(solver),
            directory_roles: Names::new(solver),
            groups: Names::new(solver),
            overage: solver.variable(),
            are_groups_known: solver.variable(),
            graph_groups: BTreeMap::new(),
            user: solver.usual(),
            app: solver.variable(),
            agent: solver.variable(),
            acts_as_agent: solver.variable(),
            acts_as_no_agent: solver.variable(),
            methods: Names::new(solver),
            contexts: Names::new(solver),
            claims: Claims::default(),
            moments: Moments::of(solver, &windows),
            addresses: Addresses::of(solver, &ranges),
            request: Request::of(solver, configs, endpoints),
        };
        for condition in mentioned.conditions {
            facts.note(solver, condition);
        }
        for claim in mentioned.claims {
            facts.claims.note(solver, claim);
        }
        for config in configs {
            for issuer in &config.issuers {
                facts.note_issuer(solver, issuer);
            }
        }
        facts.relate(solver, configs);
        facts
    }

    fn note(&mut self, solver: &mut Solver, condition: &Condition) {
        match condition {
            Condition::Role(name) => _ = self.roles.name(solver, name.clone()),
            Condition::Scope(name) => _ = self.scopes.name(solver, name.clone()),
            Condition::DirectoryRole(id) => _ = self.directory_roles.name(solver, key(id)),
            Condition::Group(id) => {
                self.groups.name(solver, key(id));
                self.graph_groups
                    .entry(key(id))
                    .or_insert_with(|| solver.variable());
            }
            Condition::Client(id) => _ = self.client.value(solver, key(id)),
            Condition::Object(id) => _ = self.object.value(solver, key(id)),
            Condition::Tenant(id) => _ = self.tenant.value(solver, key(id)),
            Condition::ManagedIdentity(id) => {
                self.object.value(solver, key(id));
                self.managed_identity.value(solver, id.to_ascii_lowercase());
            }
            Condition::Mfa => _ = self.methods.name(solver, MFA.to_owned()),
            Condition::AuthContext(name) => _ = self.contexts.name(solver, name.clone()),
            Condition::Claim(claim) => self.claims.note(solver, claim),
            Condition::Peer(pattern) => self.request.note_peer(solver, pattern),
            Condition::Issuer(_)
            | Condition::Kind(_)
            | Condition::Actor(_)
            | Condition::Source(_)
            | Condition::Time(_) => {}
        }
    }

    fn relate(&self, solver: &mut Solver, configs: &[&Config]) {
        let issuers: Vec<Lit> = self.issuers.values().copied().collect();
        solver.at_most_one(&issuers);
        for text in [
            &self.tenant,
            &self.client,
            &self.object,
            &self.managed_identity,
        ] {
            text.relate(solver);
        }
        for resource in self.managed_identity.values.values() {
            solver.require(&[!*resource, self.has_managed_identity]);
        }
        solver.at_most_one(&[self.user, self.app, self.agent]);
        solver.at_most_one(&[self.acts_as_agent, self.acts_as_no_agent]);
        // A caller of kind `agent` acts as an agent, and a caller of kind `app` does not: an application with the
        // facets of an agent is an agent.
        solver.require(&[!self.agent, self.acts_as_agent]);
        solver.require(&[!self.app, !self.acts_as_agent]);
        for claim in self.claims.0.values() {
            claim.relate(solver);
        }
        self.request.relate(solver);
        let mut lookups = vec![!self.are_groups_known];
        for config in configs {
            for (at, issuer) in config.issuers.iter().enumerate() {
                if let Some(own) = self.issuers.get(&*issuer.name) {
                    self.relate_issuer(solver, *own, issuer);
                    let looks_up = config.directories.get(at).is_some_and(Option::is_some);
                    lookups.extend(looks_up.then_some(*own));
                }
            }
        }
        // Groups outside the token are known only if the configuration looks them up for an issuer.
        solver.require(&lookups);
    }

    /// The value of a requirement.
    pub fn requirement(&self, solver: &mut Solver, requirement: &Requirement) -> Three {
        let mut truth = |solver: &mut Solver, condition: &_| self.truth(solver, condition);
        Three::of(solver, requirement, &mut truth)
    }

    /// Whether a rule matches a request, with or without a token.
    pub fn covers(&mut self, solver: &mut Solver, matches: &Match, has_token: bool) -> Coverage {
        let issuers = has_token.then_some(&self.issuers);
        self.request.covers(solver, matches, issuers)
    }

    /// Whether a credential may be sent to the cluster of the request.
    pub fn is_sent(
        &mut self,
        solver: &mut Solver,
        config: &Config,
        credential: Option<usize>,
    ) -> Lit {
        let credential = credential.and_then(|at| config.credentials.get(at));
        let clusters = credential.map_or(&[][..], |credential| &credential.clusters);
        self.request.is_sent_to(solver, clusters)
    }

    /// The value of a condition.
    fn truth(&self, solver: &mut Solver, condition: &Condition) -> Three {
        match condition {
            Condition::Role(name) => self.roles.holds(solver, name),
            Condition::Scope(name) => self.scopes.holds(solver, name),
            Condition::DirectoryRole(id) => self.directory_roles.holds(solver, &key(id)),
            Condition::Group(id) => self.is_member(solver, id),
            Condition::Client(id) => self.client.is(solver, &key(id)),
            Condition::Object(id) => Three::known(solver.known(self.object.values.get(&key(id)))),
            Condition::Tenant(id) => self.tenant.is(solver, &key(id)),
            Condition::Issuer(name) => Three::known(solver.known(self.issuers.get(name))),
            Condition::Kind(kind) => self.is_of_kind(solver, *kind),
            Condition::Actor(actor) => {
                let (yes, no) = (self.acts_as_agent, self.acts_as_no_agent);
                match actor {
                    Actor::Agent => Three { yes, no },
                    Actor::NoAgent => Three { yes: no, no: yes },
                }
            }
            Condition::ManagedIdentity(id) => self.is_identity(solver, id),
            Condition::Mfa => self.contains(solver, &self.methods, MFA),
            Condition::AuthContext(name) => self.contains(solver, &self.contexts, name),
            Condition::Source(ranges) => self.addresses.within(solver, ranges),
            Condition::Time(window) => self.moments.within(solver, window),
            Condition::Peer(pattern) => self.request.is_peer(solver, pattern),
            Condition::Claim(claim) => self.claims.truth(solver, claim),
        }
    }

    fn is_of_kind(&self, solver: &mut Solver, kind: Kind) -> Three {
        let all = [
            (Kind::User, self.user),
            (Kind::App, self.app),
            (Kind::Agent, self.agent),
        ];
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(one, _)| *one == kind);
        Three {
            yes: solver.any(own.into_iter().map(|(_, literal)| literal)),
            no: solver.any(others.into_iter().map(|(_, literal)| literal)),
        }
    }

    fn is_member(&self, solver: &mut Solver, group: &str) -> Three {
        let listed = solver.known(self.groups.held.get(&key(group)));
        let returned = solver.known(self.graph_groups.get(&key(group)));
        // The directory knows GUIDs only.
        let known = if is_guid(group) {
            self.are_groups_known
        } else {
            solver.never()
        };
        let found = solver.all([self.overage, known, returned]);
        let missing = solver.all([self.overage, known, !returned]);
        let clear = solver.all([!self.overage, !self.groups.unclear]);
        let missing = solver.any([missing, clear]);
        Three {
            yes: solver.any([listed, found]),
            no: solver.all([!listed, missing]),
        }
    }

    fn is_identity(&self, solver: &mut Solver, id: &str) -> Three {
        let object = solver.known(self.object.values.get(&key(id)));
        let resources = &self.managed_identity.values;
        let resource = solver.known(resources.get(&id.to_ascii_lowercase()));
        let of_object = solver.all([self.has_managed_identity, object]);
        let is_it = solver.any([resource, of_object]);
        Three::unless_unclear(solver, is_it, self.managed_identity.unclear)
    }

    /// A list that is unreadable as a whole if one of its items is unreadable.
    fn contains(&self, solver: &mut Solver, names: &Names, name: &str) -> Three {
        let held = solver.known(names.held.get(name));
        Three {
            yes: solver.all([held, !names.unclear]),
            no: solver.all([!held, !names.unclear]),
        }
    }
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

pub const MFA: &str = "mfa";
