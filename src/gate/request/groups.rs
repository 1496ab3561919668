//! Group lookups: requests whose decision depends on groups that their tokens omit.

use crate::config::Config;
use crate::decision::GroupsUnavailable;
use crate::fetch::callout::Answer;
use crate::gate::request::authorizer::{Authorizer, WaitBudget};
use crate::gate::request::pending::Dependency;
use crate::gate::{Call, CallId, Gate, Notice};
use crate::groups::{LookupId, Lookups, Progress, Standing};
use crate::metrics;
use crate::model::request::Request;
use crate::policy::membership::{Directory, Need};
use crate::time::Timestamp;
use crate::token::claims::Claims;
use crate::token::verify::Verified;
use log::Level;

/// Returns the lookups of each issuer; `None` if no rule needs them or none are configured.
pub fn lookups(config: &Config, now: Timestamp) -> Vec<Option<Lookups>> {
    let issuers = config.issuers.iter().zip(&config.directories);
    let lookups = issuers.map(|(issuer, source)| {
        let groups = config.policy.required_groups(&issuer.name);
        let source = source.clone().filter(|_| !groups.is_empty())?;
        Some(Lookups::new(source, groups, now))
    });
    lookups.collect()
}

/// The outcome of a group lookup.
pub(in crate::gate) enum LookUp {
    /// The context is unchanged, so the decision remains valid.
    Unchanged,
    /// The context now contains the groups, so the decision must be made again.
    Changed,
    Wait(Dependency),
}

impl Authorizer<'_> {
    /// Adds the caller's groups to the context, if they have been looked up before.
    pub(in crate::gate) fn recall_groups(&mut self, issuer: usize, caller: &Claims) {
        let lookups = self.lookups.get_mut(issuer).and_then(Option::as_mut);
        if let Some(lookups) = lookups.filter(|_| caller.groups.overage)
            && let Some(membership) = lookups.recall(caller, self.context.now)
        {
            self.context.directory = Directory::Known(membership);
        }
    }

    /// Looks up the caller's groups if the decision or the content of a permitted list depends on them. Requests never
    /// wait for shadow rules.
    pub(in crate::gate) fn look_up_groups(
        &mut self,
        request: &Request,
        issuer: usize,
        caller: &Verified<Claims>,
        is_permitted: bool,
    ) -> LookUp {
        let need = self.needed_groups(request, caller, is_permitted);
        let lookups = self.lookups.get_mut(issuer).and_then(Option::as_mut);
        let (Some(lookups), Some(need)) = (lookups, need) else {
            return LookUp::Unchanged;
        };
        let now = self.context.now;
        let by = self.budget.deadline(now);
        let directory = match (lookups.ask(caller, by, now), need, self.budget) {
            (Standing::Known(membership), _, _) => Directory::Known(membership),
            (Standing::Pending(_), Need::Shadow, _) => return LookUp::Unchanged,
            (Standing::Pending(id), Need::Decision, WaitBudget::Until(_)) => {
                return LookUp::Wait(Dependency::Groups { issuer, id });
            }
            (Standing::Pending(_), _, WaitBudget::NoCapacity) => {
                Directory::Unavailable(GroupsUnavailable::TooManyWaiting)
            }
            (Standing::Pending(_), _, WaitBudget::Expired) => {
                Directory::Unavailable(GroupsUnavailable::TooSlow)
            }
            (Standing::Unavailable(reason), _, _) => Directory::Unavailable(reason),
        };
        self.context.directory = directory;
        LookUp::Changed
    }

    /// Returns the effect that a lookup of the caller's groups could have.
    fn needed_groups(
        &self,
        request: &Request,
        caller: &Verified<Claims>,
        is_permitted: bool,
    ) -> Option<Need> {
        if !caller.groups.overage {
            return None;
        }
        let (policy, context) = (&self.config.policy, &self.context);
        let need = policy.needs_groups(request, caller, context);
        let lists = || {
            self.may_list_tools(request) && policy.tools_need_groups(request, caller, context)
                || self.filtered_listing(request).is_some()
                    && policy.view_needs_groups(request, caller, context)
        };
        if need != Some(Need::Decision) && is_permitted && lists() {
            return Some(Need::Decision);
        }
        need
    }
}

impl Gate {
    /// Begins the lookups that are due. Lookups whose service token is being fetched begin later.
    pub(in crate::gate) fn begin_lookups(&mut self, now: Timestamp) {
        let mut calls = Vec::new();
        for (issuer, lookups) in self.lookups.iter_mut().enumerate() {
            let Some(lookups) = lookups else { continue };
            if self.service_tokens.is_coming(Some(lookups.auth()), now) {
                continue;
            }
            calls.extend(lookups.due(now).into_iter().map(|question| Call {
                call_id: CallId::Groups {
                    issuer,
                    id: question.id,
                    part: question.part,
                },
                callout: question.callout,
            }));
        }
        for Call { call_id, callout } in calls {
            self.call(call_id, callout, now);
        }
    }

    /// Takes an answer from Microsoft Graph and returns the dependencies whose requests must be woken.
    pub(in crate::gate) fn groups_answered(
        &mut self,
        issuer: usize,
        (id, part): (LookupId, usize),
        answer: Answer,
        now: Timestamp,
    ) -> Vec<Dependency> {
        let lookups = self.lookups.get_mut(issuer).and_then(Option::as_mut);
        let Some(lookups) = lookups else {
            return Vec::new();
        };
        let progress = lookups.answered(id, part, answer, now);
        let name = self.config.issuers.get(issuer);
        let name = name.map_or("", |issuer| &issuer.name);
        let mut woken = vec![id];
        let outcome = match progress {
            Progress::Partly | Progress::Late => return Vec::new(),
            Progress::Found { evicted } => {
                if evicted {
                    let count = metrics::GROUP_EVICTIONS.into();
                    self.notices.push(Notice::Count(count));
                }
                "good"
            }
            Progress::Unknown => "unknown",
            Progress::Failed { error, given_up } => {
                woken.extend(given_up);
                let text = format!(
                    "issuer {name}: looking up a caller's groups in Microsoft Graph failed: {error}; \
                     rules that require a group deny callers whose tokens omit their groups"
                );
                self.notices.push(Notice::Log(Level::Warn, text));
                "failed"
            }
        };
        let count = metrics::group_lookup(name, outcome);
        self.notices.push(Notice::Count(count.into()));
        let dependency = |id| Dependency::Groups { issuer, id };
        woken.into_iter().map(dependency).collect()
    }
}
