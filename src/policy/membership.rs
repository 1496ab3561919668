//! Which groups a caller is in, where the token leaves them out because there are too many: what the
//! directory says of them, and when it is worth asking.

use super::evaluate::{Facts, Truth, evaluate};
use super::rule::{Effect, Mode, Policy, Requirement, Rule};
use crate::decision::GroupsUnavailable;
use crate::model::request::Request;
use crate::policy::context::RequestContext;
use crate::token::claims::Claims;
use crate::token::issuer::is_guid;
use crate::token::verify::Verified;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the directory says of a caller's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Directory {
    #[default]
    NotAsked,
    /// It was asked and says nothing, or nothing yet.
    Silent(GroupsUnavailable),
    Says(Arc<Membership>),
}

/// A complete answer about one caller: of the groups asked for, those the caller is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    asked: Arc<[String]>,
    held: Vec<String>,
}

impl Membership {
    /// Both as GUIDs in lower case. What was not asked for is not believed.
    pub fn new(asked: Arc<[String]>, held: impl IntoIterator<Item = String>) -> Self {
        let held = held.into_iter().filter(|group| asked.contains(group));
        let held = held.collect();
        Self { asked, held }
    }

    /// `None`: that group was not asked for.
    pub fn says(&self, group: &str) -> Option<bool> {
        let is_it = |own: &String| own.eq_ignore_ascii_case(group);
        let asked = self.asked.iter().any(is_it);
        asked.then(|| self.held.iter().any(is_it))
    }
}

/// Whether a caller whose token lists too few groups to tell is in that one.
pub(super) fn is_member(directory: &Directory, group: &str) -> Truth {
    match directory {
        Directory::Says(membership) => match membership.says(group) {
            Some(true) => Truth::Satisfied,
            Some(false) => Truth::Unsatisfied,
            None => Truth::Indeterminate,
        },
        Directory::NotAsked | Directory::Silent(_) => Truth::Indeterminate,
    }
}

/// What an answer of the directory would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The decision.
    Decision,
    /// Only what is said of shadow rules.
    Shadow,
}

impl Policy {
    /// The groups that rules ask of callers of that issuer, as GUIDs in lower case. Groups of other
    /// names no directory knows.
    pub fn groups_asked(&self, issuer: &str) -> Vec<String> {
        let mut groups = BTreeSet::new();
        for rule in &self.rules {
            if rule.matches.allows_issuer(Some(issuer)) {
                collect(&rule.require, &mut groups);
            }
        }
        groups.into_iter().collect()
    }

    /// Whether the decision hangs on groups that the token leaves out and nobody was asked for.
    pub fn needs_groups(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        surroundings: &RequestContext,
    ) -> Option<Need> {
        if !caller.groups.overage || surroundings.directory != Directory::NotAsked {
            return None;
        }
        let facts = Facts::of(caller, surroundings);
        let truth = |rule: &Rule| evaluate(&rule.require, facts);
        let open = |rule: &Rule| truth(rule) == Truth::Indeterminate && asks(&rule.require);
        let of = |mode: Mode| {
            let about = move |rule: &&Rule| {
                rule.mode == mode && rule.matches.covers(request, Some(&caller.issuer))
            };
            self.rules.iter().filter(about)
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
}

/// Whether a rule asks for a group that nobody can tell about.
pub(super) fn lacks_groups(rule: &Rule, facts: Facts<'_>) -> bool {
    let is_open = |part: &Requirement| {
        matches!(part, Requirement::Group(_))
            && facts.caller.groups.overage
            && evaluate(part, facts) == Truth::Indeterminate
    };
    rule.require.holds_any(&is_open)
}

fn asks(requirement: &Requirement) -> bool {
    let is_known = |part: &Requirement| matches!(part, Requirement::Group(group) if is_guid(group));
    requirement.holds_any(&is_known)
}

fn collect(requirement: &Requirement, groups: &mut BTreeSet<String>) {
    match requirement {
        Requirement::Group(group) if is_guid(group) => {
            groups.insert(group.to_ascii_lowercase());
        }
        Requirement::All(parts) | Requirement::Any(parts) => {
            parts.iter().for_each(|part| collect(part, groups));
        }
        Requirement::Not(part) => collect(part, groups),
        _ => {}
    }
}
