//! Which models a caller may use, for lists of models.
//!
//! A model is shown where an enforcing rule that permits requests with bodies would let this caller
//! use it now, and no deny rule forbids it.

use super::evaluate::{Facts, Truth, evaluate};
use super::rule::{AnonymousRule, Effect, Match, Mode, Models, Policy, Rule, any_or_empty};
use crate::model::request::Request;
use crate::model::{Model, name};
use crate::policy::context::RequestContext;
use crate::token::claims::Claims;
use crate::token::verify::Verified;

/// What one caller may use on one host and cluster.
#[derive(Clone, Debug)]
pub struct View {
    /// Where the host or the cluster decides the model, that one, whatever its list calls it; and
    /// where it is unknown.
    fixed: Option<Model>,
    uses: Vec<Use>,
}

/// What one rule lets the caller use.
#[derive(Clone, Debug)]
struct Use {
    models: Models,
    denied: Vec<Models>,
}

impl View {
    /// Whether a model of that id is the caller's to know.
    pub fn shows(&self, id: &str) -> bool {
        let named = || name::named(id);
        let model = self.fixed.clone().unwrap_or_else(named);
        // Whether a rule about certain models denies one that has no name can't be told.
        let denied = |models: &Models| model.lack().is_some() || models.cover(&model);
        self.uses
            .iter()
            .any(|each| each.models.cover(&model) && !each.denied.iter().any(denied))
    }
}

impl Policy {
    /// What a caller may use on the host of a request. Without a token, what anonymous rules permit;
    /// they come before all others, so that no deny rule counts against them. `is_sent`: whether a
    /// rule's credential is meant for the cluster of the request.
    pub fn view(
        &self,
        request: &Request,
        caller: Option<(&Verified<Claims>, &RequestContext)>,
        is_sent: &dyn Fn(Option<usize>) -> bool,
    ) -> View {
        let is_usable = |rule: &&AnonymousRule| {
            may_be_use(&rule.matches, request, None) && is_sent(rule.credential)
        };
        let anonymous = self.anonymous.iter().filter(is_usable).map(|rule| Use {
            models: rule.matches.models.clone(),
            denied: Vec::new(),
        });
        let named =
            caller.map(|(caller, surroundings)| self.uses(request, caller, surroundings, is_sent));
        View {
            fixed: match &request.model {
                model @ (Model::Named(_) | Model::Unknown) => Some(model.clone()),
                Model::None | Model::Unread | Model::Lacking(_) => None,
            },
            uses: anonymous.chain(named.unwrap_or_default()).collect(),
        }
    }

    fn uses(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        surroundings: &RequestContext,
        is_sent: &dyn Fn(Option<usize>) -> bool,
    ) -> Vec<Use> {
        let facts = Facts::of(caller, surroundings);
        let truth = |rule: &Rule| evaluate(&rule.require, facts);
        let issuer = Some(&*caller.issuer);
        let about =
            |rule: &&Rule| rule.mode == Mode::Enforce && may_be_use(&rule.matches, request, issuer);
        let (deny, allow): (Vec<_>, Vec<_>) =
            (self.rules.iter().filter(about)).partition(|rule| rule.effect == Effect::Deny);
        let forbid = |rule: &&Rule| truth(rule) != Truth::Unsatisfied;
        let deny: Vec<_> = deny.into_iter().filter(forbid).collect();
        let permit = |rule: &&Rule| {
            let Effect::Allow { credential } = rule.effect else {
                return false;
            };
            truth(rule) == Truth::Satisfied && is_sent(credential)
        };
        let allow = allow.into_iter().filter(permit);
        allow
            .filter_map(|rule| {
                let against = |other: &&&Rule| outdoes(&other.matches, &rule.matches);
                let denied: Vec<Models> = (deny.iter().filter(against))
                    .map(|other| other.matches.models.clone())
                    .collect();
                let all = denied.iter().any(|models| models.patterns.is_empty());
                let models = rule.matches.models.clone();
                (!all).then_some(Use { models, denied })
            })
            .collect()
    }
}

/// Whether a rule could be about the use of a model on that host, a POST to whatever path.
fn may_be_use(matches: &Match, request: &Request, issuer: Option<&str>) -> bool {
    any_or_empty(&matches.methods, |method| method == "POST")
        && any_or_empty(&matches.hosts, |host| host.matches(&request.host))
        && matches.clusters.cover(&request.cluster)
        && matches.allows_issuer(issuer)
}

/// Whether a deny rule forbids what an allow rule permits: one that names models does wherever it
/// is about them; one that does not, where its paths hold all of the other's.
fn outdoes(deny: &Match, allow: &Match) -> bool {
    let held = |path: &str| deny.paths.iter().any(|own| own.matches(path));
    let holds_all =
        || !allow.paths.is_empty() && allow.paths.iter().all(|path| held(path.as_str()));
    !deny.models.patterns.is_empty() || deny.paths.is_empty() || holds_all()
}
