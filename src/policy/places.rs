//! The places of MCP servers, collected once because every request is compared with them.

use super::rule::{Match, Mode, Policy, any_or_empty};
use crate::model::request::Request;

/// The places of MCP servers.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Vec<Place>);

/// The host, path and cluster patterns of the rules that can match messages.
#[derive(Clone, Debug)]
struct Place {
    matches: Match,
    /// Whether one of the rules is enforced.
    is_enforced: bool,
}

impl Places {
    pub(super) fn of(policy: &Policy) -> Self {
        let anonymous = policy.anonymous.iter().map(|rule| (&rule.matches, true));
        let rules = policy.rules.iter();
        let rules = rules.map(|rule| (&rule.matches, rule.mode == Mode::Enforce));
        let mut places: Vec<Place> = Vec::new();
        for (matches, is_enforced) in anonymous.chain(rules) {
            if !matches.mcp.are_named()
                || !any_or_empty(&matches.methods, |method| method == "POST")
            {
                continue;
            }
            match places
                .iter_mut()
                .find(|place| is_same(&place.matches, matches))
            {
                Some(place) => place.is_enforced |= is_enforced,
                None => places.push(Place {
                    matches: Match {
                        hosts: matches.hosts.clone(),
                        paths: matches.paths.clone(),
                        clusters: matches.clusters.clone(),
                        ..Match::default()
                    },
                    is_enforced,
                }),
            }
        }
        Self(places)
    }
}

fn is_same(one: &Match, other: &Match) -> bool {
    one.hosts == other.hosts
        && one.paths == other.paths
        && one.clusters.patterns == other.clusters.patterns
        && one.clusters.denies == other.clusters.denies
}

impl Policy {
    /// Returns whether an MCP server is at the place of the request: a rule, enforced or shadow, can match messages that
    /// are sent to it.
    pub fn expects_messages_at(&self, request: &Request) -> bool {
        let mut places = self.places.0.iter();
        places.any(|place| place.matches.covers_place(request))
    }

    /// Returns whether an enforced rule can match messages that are sent to the place of the request.
    pub fn governs_messages_at(&self, request: &Request) -> bool {
        let mut places = self.places.0.iter();
        places.any(|place| place.is_enforced && place.matches.covers_place(request))
    }
}
