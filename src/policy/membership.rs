//! Group membership of callers whose tokens omit their groups because there are too many: the
//! directory's answer, and whether a lookup could change the decision.

use super::requirement::{Condition, Facts, Requirement};
use super::rule::{Effect, Match, Mode, Policy, Rule};
use crate::decision::GroupsUnavailable;
use crate::logic::Truth;
use crate::model::request::Request;
use crate::policy::context::RequestContext;
use crate::token::claims::Claims;
use crate::token::issuer::is_guid;
use crate::token::verify::Verified;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The information from the directory about a caller's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Directory {
    #[default]
    NotQueried,
    /// The lookup failed or has not finished yet.
    Unavailable(GroupsUnavailable),
    Known(Arc<Membership>),
}

/// A complete answer for one caller: the requested groups that the caller is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    requested: Arc<[String]>,
    held: Vec<String>,
}

impl Membership {
    /// Both lists are GUIDs in lower case. Groups that were not requested are ignored.
    pub fn new(requested: Arc<[String]>, held: impl IntoIterator<Item = String>) -> Self {
        let held = held.into_iter().filter(|group| requested.contains(group));
        let held = held.collect();
        Self { requested, held }
    }

    /// Returns whether the caller is in the group; `None` if the group was not requested.
    pub fn contains(&self, group: &str) -> Option<bool> {
        let is_it = |own: &String| own.eq_ignore_ascii_case(group);
        let requested = self.requested.iter().any(is_it);
        requested.then(|| self.held.iter().any(is_it))
    }
}

/// Evaluates membership from the directory, for a caller whose token omits groups.
pub(super) fn is_member(directory: &Directory, group: &str) -> Truth {
    match directory {
        Directory::Known(membership) => match membership.contains(group) {
            Some(true) => Truth::Satisfied,
            Some(false) => Truth::Unsatisfied,
            None => Truth::Indeterminate,
        },
        Directory::NotQueried | Directory::Unavailable(_) => Truth::Indeterminate,
    }
}

/// The effect that a lookup in the directory could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The decision, or the entries of a list that the caller sees, could change.
    Decision,
    /// Only the results of shadow rules could change.
    Shadow,
}

impl Policy {
    /// Returns the groups that rules require of callers of an issuer, as GUIDs in lower case.
    /// Groups that are not GUIDs are omitted, because the directory does not know them.
    pub fn required_groups(&self, issuer: &str) -> Vec<String> {
        let mut groups = BTreeSet::new();
        for rule in &self.rules {
            if rule.matches.allows_issuer(Some(issuer)) {
                rule.require.visit(&mut |condition, _| {
                    if let Condition::Group(group) = condition
                        && is_guid(group)
                    {
                        groups.insert(group.to_ascii_lowercase());
                    }
                });
            }
        }
        groups.into_iter().collect()
    }

    /// Returns whether the decision depends on groups that the token omits and that were not looked
    /// up yet.
    pub fn needs_groups(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        context: &RequestContext,
    ) -> Option<Need> {
        if !caller.groups.overage || context.directory != Directory::NotQueried {
            return None;
        }
        let facts = Facts::of(caller, context);
        let truth = |rule: &Rule| rule.require.truth(facts);
        let open = |rule: &Rule| is_open(rule, facts);
        let of = |mode: Mode| {
            let matches_request = move |rule: &&Rule| {
                rule.mode == mode && rule.matches.covers(request, Some(&caller.issuer))
            };
            self.rules.iter().filter(matches_request)
        };
        let denies = |rule: &&Rule| rule.effect == Effect::Deny;
        let denied = |rule: &Rule| truth(rule) != Truth::Unsatisfied && !open(rule);
        let decides = if of(Mode::Enforce).filter(denies).any(denied) {
            false
        } else if of(Mode::Enforce).filter(denies).any(open) {
            true
        } else {
            let mut allow = of(Mode::Enforce).filter(|rule| !denies(rule));
            let first = allow.find(|rule| open(rule) || truth(rule) == Truth::Satisfied);
            first.is_some_and(open)
        };
        let observes = || of(Mode::Shadow).any(open).then_some(Need::Shadow);
        decides.then_some(Need::Decision).or_else(observes)
    }

    /// Returns whether a list depends on groups that the token omits and that were not looked up yet. `concerns` returns whether a
    /// rule can decide about the use of an entry.
    pub(super) fn list_needs_groups(
        &self,
        caller: &Verified<Claims>,
        context: &RequestContext,
        concerns: impl Fn(&Match) -> bool,
    ) -> bool {
        let facts = Facts::of(caller, context);
        let depends = |rule: &Rule| {
            rule.mode == Mode::Enforce && concerns(&rule.matches) && is_open(rule, facts)
        };
        caller.groups.overage
            && context.directory == Directory::NotQueried
            && self.rules.iter().any(depends)
    }
}

/// Returns whether a lookup of groups could determine whether the caller satisfies a rule.
fn is_open(rule: &Rule, facts: Facts<'_>) -> bool {
    rule.require.truth(facts) == Truth::Indeterminate && names_groups(&rule.require)
}

/// Returns whether a rule requires a group and the caller's membership in it is unknown.
pub(super) fn lacks_groups(rule: &Rule, facts: Facts<'_>) -> bool {
    let is_open = |condition: &Condition| {
        matches!(condition, Condition::Group(_))
            && facts.caller.groups.overage
            && condition.truth(facts) == Truth::Indeterminate
    };
    rule.require.contains_any(is_open)
}

fn names_groups(requirement: &Requirement) -> bool {
    let is_known =
        |condition: &Condition| matches!(condition, Condition::Group(group) if is_guid(group));
    requirement.contains_any(is_known)
}
