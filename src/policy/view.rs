//! The models that a caller may use, for lists of models.
//!
//! A model is shown if an enforced rule that permits requests with bodies lets this caller use it
//! now, and no deny rule forbids it.

use super::requirement::Facts;
use super::rule::{AnonymousRule, Effect, Match, Mode, Models, Policy, Rule, any_or_empty};
use crate::logic::Truth;
use crate::model::request::Request;
use crate::model::{Model, name};
use crate::policy::context::RequestContext;
use crate::token::claims::Claims;
use crate::token::verify::Verified;

/// The models that one caller may use on one host and cluster.
#[derive(Clone, Debug)]
pub struct View {
    /// The model, if the host or the cluster determines it; the ids in the list are then ignored. Also set if the model
    /// is unknown.
    fixed: Option<Model>,
    uses: Vec<Use>,
}

/// The models that one rule lets the caller use.
#[derive(Clone, Debug)]
struct Use {
    models: Models,
    denied: Vec<Models>,
}

impl View {
    /// Returns whether a model with this id may be shown to the caller.
    pub fn shows(&self, id: &str) -> bool {
        let named = || name::named(id);
        let model = self.fixed.clone().unwrap_or_else(named);
        // Any rule that denies some models may deny a model without a name.
        let denied = |models: &Models| model.unavailable().is_some() || models.cover(&model);
        self.uses
            .iter()
            .any(|each| each.models.cover(&model) && !each.denied.iter().any(denied))
    }
}

/// The enforced rules whose requirements apply to a caller, in their order.
#[derive(Default)]
pub(super) struct Applicable<'p> {
    /// Deny rules that are satisfied or indeterminate.
    pub deny: Vec<&'p Rule>,
    /// Allow rules that are satisfied, and their credentials.
    pub allow: Vec<(&'p Rule, Option<usize>)>,
}

impl Policy {
    /// Returns the rules that apply to a caller, among those that `may_match` accepts.
    pub(super) fn applicable(
        &self,
        facts: Facts<'_>,
        may_match: &dyn Fn(&Match) -> bool,
    ) -> Applicable<'_> {
        let mut found = Applicable::default();
        for rule in &self.rules {
            if rule.mode == Mode::Shadow || !may_match(&rule.matches) {
                continue;
            }
            match (rule.effect, rule.require.truth(facts)) {
                (Effect::Deny, Truth::Satisfied | Truth::Indeterminate) => found.deny.push(rule),
                (Effect::Allow { credential }, Truth::Satisfied) => {
                    found.allow.push((rule, credential));
                }
                (Effect::Deny, Truth::Unsatisfied)
                | (Effect::Allow { .. }, Truth::Unsatisfied | Truth::Indeterminate) => {}
            }
        }
        found
    }

    /// Returns the models that a caller may use on the host of a request. Without a token,
    /// anonymous rules decide; they are evaluated before all other rules, so deny rules do not
    /// apply. `is_sent` returns whether a rule's credential may be sent to the cluster of the
    /// request.
    pub fn view(
        &self,
        request: &Request,
        caller: Option<(&Verified<Claims>, &RequestContext)>,
        is_sent: &dyn Fn(Option<usize>) -> bool,
    ) -> View {
        let is_usable = |rule: &&AnonymousRule| {
            may_match_use(&rule.matches, request, None) && is_sent(rule.credential)
        };
        let anonymous = self.anonymous.iter().filter(is_usable).map(|rule| Use {
            models: rule.matches.models.clone(),
            denied: Vec::new(),
        });
        let named = caller.map(|(caller, context)| self.uses(request, caller, context, is_sent));
        View {
            fixed: match &request.model {
                model @ (Model::Named(_) | Model::Unknown) => Some(model.clone()),
                Model::None | Model::Unread | Model::Unavailable(_) => None,
            },
            uses: anonymous.chain(named.unwrap_or_default()).collect(),
        }
    }

    /// Returns whether the models that the caller may use depend on groups that were not looked up yet.
    pub fn view_needs_groups(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        context: &RequestContext,
    ) -> bool {
        self.list_needs_groups(caller, context, |matches| {
            may_match_use(matches, request, Some(&caller.issuer))
        })
    }

    fn uses(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        context: &RequestContext,
        is_sent: &dyn Fn(Option<usize>) -> bool,
    ) -> Vec<Use> {
        let issuer = Some(&*caller.issuer);
        let may_match = |matches: &Match| may_match_use(matches, request, issuer);
        let Applicable { deny, allow } = self.applicable(Facts::of(caller, context), &may_match);
        let allow = allow.into_iter();
        allow
            .filter(|(_, credential)| is_sent(*credential))
            .filter_map(|(rule, _)| {
                let against = |other: &&&Rule| overrides(&other.matches, &rule.matches);
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

/// Returns whether a rule could match a request that uses a model on a host: a POST to any path.
fn may_match_use(matches: &Match, request: &Request, issuer: Option<&str>) -> bool {
    // A message to an MCP server uses no model.
    !matches.mcp.are_named()
        && any_or_empty(&matches.methods, |method| method == "POST")
        && any_or_empty(&matches.hosts, |host| host.matches(&request.host))
        && matches.clusters.cover(&request.cluster)
        && matches.allows_issuer(issuer)
}

/// Returns whether a deny rule overrides an allow rule. A deny rule that names models overrides it
/// for the models it matches; one that names no models, if its paths include all paths of the allow
/// rule.
pub fn overrides(deny: &Match, allow: &Match) -> bool {
    let held = |path: &str| deny.paths.iter().any(|own| own.matches(path));
    let holds_all =
        || !allow.paths.is_empty() && allow.paths.iter().all(|path| held(path.as_str()));
    !deny.models.patterns.is_empty() || deny.paths.is_empty() || holds_all()
}
