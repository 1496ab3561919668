//! Selects the rules that can affect a request, so that 1,000 rules cost about as much as 10.
//!
//! The index only excludes rules: its result includes every rule that matches the request and that
//! the caller could satisfy, and possibly others. The decision still evaluates each selected rule
//! in order, and is the same as without the index (the tests in `reference` compare the two).

use super::bits::Bits;
use super::postings::Postings;
use super::requirement::{Condition, Requirement};
use super::rule::Match;
use crate::logic::Operator;
use crate::model::request::Request;
use crate::pattern::{Key, Pattern};
use crate::token::claims::Claims;
use std::collections::BTreeMap;

/// Up to this number of rules, it is faster to evaluate all rules than to use the index.
const MAX_SCANNED: usize = 16;

/// The rules of a list by the literal parts of their `match`.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    rules: usize,
    methods: Field,
    hosts: Field,
    paths: Field,
    models: Field,
    clusters: Field,
    tools: Field,
    /// Rules that name models.
    by_model: Bits,
    /// Rules that name JSON-RPC messages.
    by_message: Bits,
}

impl Matches {
    pub fn of<'r>(rules: impl ExactSizeIterator<Item = &'r Match>) -> Self {
        let count = rules.len();
        let field = |separator| Field::new(separator, count);
        let mut index = Self {
            rules: count,
            methods: field('/'),
            hosts: field('.'),
            paths: field('/'),
            models: field('/'),
            clusters: field('/'),
            tools: field('/'),
            by_model: Bits::none(count),
            by_message: Bits::none(count),
        };
        for (rule, matches) in rules.enumerate() {
            let methods = matches
                .methods
                .iter()
                .map(|method| Some(Key::Whole(method)));
            index.methods.add(rule, methods);
            index
                .hosts
                .add(rule, matches.hosts.iter().map(Pattern::key));
            index
                .paths
                .add(rule, matches.paths.iter().map(Pattern::key));
            let models = &matches.models.patterns;
            index.models.add(rule, models.iter().map(Pattern::key));
            if !models.is_empty() {
                index.by_model.add(rule);
            }
            // A rule that also matches other methods can match without a tool.
            let tools: &[Pattern] = match matches.mcp.are_calls() {
                true => &matches.mcp.tools,
                false => &[],
            };
            index.tools.add(rule, tools.iter().map(Pattern::key));
            if matches.mcp.are_named() {
                index.by_message.add(rule);
            }
            let clusters = &matches.clusters.patterns;
            index.clusters.add(rule, clusters.iter().map(Pattern::key));
        }
        index
    }

    /// Returns the rules that can match a request. An unknown model, message or cluster excludes no rule.
    pub fn candidates(&self, request: &Request) -> Bits {
        let mut found = Bits::all(self.rules);
        if self.rules <= MAX_SCANNED {
            return found;
        }
        for (field, text) in [
            (&self.methods, Some(&*request.method)),
            (&self.hosts, Some(&*request.host)),
            (&self.paths, Some(&*request.path)),
            (&self.models, request.model.name()),
            (&self.tools, request.mcp.tool()),
            (&self.clusters, request.cluster.name().map(|name| &**name)),
        ] {
            if let Some(text) = text {
                field.narrow(&mut found, text);
            }
        }
        found
    }

    /// Returns the rules that can match a request and name models.
    pub fn candidates_by_model(&self, request: &Request) -> Bits {
        self.candidates_among(&self.by_model, request)
    }

    /// Returns the rules that can match a request and name JSON-RPC messages.
    pub fn candidates_by_message(&self, request: &Request) -> Bits {
        self.candidates_among(&self.by_message, request)
    }

    fn candidates_among(&self, rules: &Bits, request: &Request) -> Bits {
        if rules.is_empty() {
            rules.clone()
        } else {
            self.candidates(request).and(rules)
        }
    }

    /// Returns the rules, among the given ones, that wait for the body of a request; `None` if there are none.
    pub fn waiting(&self, found: &Bits, request: &Request) -> Option<Bits> {
        let by_model = request.model.unavailable().map(|_| &self.by_model);
        let by_message = request.mcp.unavailable().map(|_| &self.by_message);
        let mut waiting = by_model
            .into_iter()
            .chain(by_message)
            .filter(|rules| !rules.is_empty());
        let mut all = found.and(waiting.next()?);
        waiting.for_each(|rules| all.union_with(&found.and(rules)));
        (!all.is_empty()).then_some(all)
    }
}

/// Rules by the literal prefix of one field of their `match`, compared case-insensitively.
#[derive(Clone, Debug, Default)]
struct Field {
    rules: usize,
    separator: char,
    /// Rules that can match any text: they have no pattern, or one that begins with a wildcard.
    any: Bits,
    whole: BTreeMap<String, Postings>,
    prefix: BTreeMap<String, Postings>,
}

impl Field {
    fn new(separator: char, rules: usize) -> Self {
        Self {
            rules,
            separator,
            any: Bits::none(rules),
            ..Self::default()
        }
    }

    fn add<'k>(&mut self, rule: usize, keys: impl ExactSizeIterator<Item = Option<Key<'k>>>) {
        if keys.len() == 0 {
            self.any.add(rule);
        }
        for key in keys {
            let (map, text) = match key {
                Some(Key::Whole(text)) => (&mut self.whole, text),
                Some(Key::Prefix(text)) => (&mut self.prefix, text),
                None => {
                    self.any.add(rule);
                    continue;
                }
            };
            let listed = map.entry(text.to_lowercase()).or_default();
            listed.add(rule, self.rules);
        }
    }

    /// Keeps the rules whose field can match the text.
    fn narrow(&self, found: &mut Bits, text: &str) {
        if self.whole.is_empty() && self.prefix.is_empty() {
            return;
        }
        let text = text.to_lowercase();
        let mut matching = self.any.clone();
        let mut add = |listed: Option<&Postings>| {
            if let Some(listed) = listed {
                listed.add_to(&mut matching);
            }
        };
        add(self.whole.get(&text));
        if !self.prefix.is_empty() {
            let ends = text.match_indices(self.separator).take(Key::DEPTH);
            for (at, separator) in ends {
                add(text
                    .get(..at + separator.len())
                    .and_then(|prefix| self.prefix.get(prefix)));
            }
        }
        found.intersect_with(&matching);
    }
}

/// The rules of a list, by their requirements on the caller.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    rules: usize,
    /// Rules that cannot be looked up by any of the following keys.
    any: Bits,
    /// Rules that are looked up by a group. A caller with unknown groups may satisfy any of them.
    grouped: Bits,
    roles: BTreeMap<String, Postings>,
    scopes: BTreeMap<String, Postings>,
    /// Group, client and object ids, in lower case because they are compared case-insensitively.
    groups: BTreeMap<String, Postings>,
    clients: BTreeMap<String, Postings>,
    objects: BTreeMap<String, Postings>,
}

impl Callers {
    pub fn of<'r>(rules: impl ExactSizeIterator<Item = &'r Requirement>) -> Self {
        let count = rules.len();
        let mut index = Self {
            rules: count,
            any: Bits::none(count),
            grouped: Bits::none(count),
            ..Self::default()
        };
        for (rule, requirement) in rules.enumerate() {
            match any_needed(requirement) {
                Some(needed) => needed
                    .into_iter()
                    .for_each(|needed| index.add(rule, needed)),
                None => index.any.add(rule),
            }
        }
        index
    }

    fn add(&mut self, rule: usize, needed: &Condition) {
        let (map, text) = match needed {
            Condition::Role(role) => (&mut self.roles, role.clone()),
            Condition::Scope(scope) => (&mut self.scopes, scope.clone()),
            Condition::Group(group) => {
                self.grouped.add(rule);
                (&mut self.groups, group.to_ascii_lowercase())
            }
            Condition::Client(client) => (&mut self.clients, client.to_ascii_lowercase()),
            Condition::Object(object) => (&mut self.objects, object.to_ascii_lowercase()),
            _ => {
                self.any.add(rule);
                return;
            }
        };
        map.entry(text).or_default().add(rule, self.rules);
    }

    /// Keeps the rules that the caller may satisfy.
    pub fn narrow(&self, found: &mut Bits, caller: &Claims) {
        // An unclear claim may satisfy any rule.
        if found.count() <= MAX_SCANNED || !caller.unclear.is_empty() {
            return;
        }
        let mut satisfiable = self.any.clone();
        let mut add = |map: &BTreeMap<String, Postings>, text: &str| {
            if let Some(listed) = map.get(text) {
                listed.add_to(&mut satisfiable);
            }
        };
        let in_lower_case = |text: &str| text.to_ascii_lowercase();
        caller.roles.iter().for_each(|role| add(&self.roles, role));
        caller
            .scopes
            .iter()
            .for_each(|scope| add(&self.scopes, scope));
        add(&self.objects, &in_lower_case(&caller.object));
        if let Some(client) = &caller.client {
            add(&self.clients, &in_lower_case(client));
        }
        if !self.groups.is_empty() {
            let groups = caller
                .groups
                .listed
                .iter()
                .map(|group| in_lower_case(group));
            groups.for_each(|group| add(&self.groups, &group));
        }
        if caller.groups.overage {
            satisfiable.union_with(&self.grouped);
        }
        found.intersect_with(&satisfiable);
    }
}

/// Returns conditions such that the requirement is unsatisfied if all of them are unsatisfied. `None` if there are no
/// such conditions that can be looked up.
fn any_needed(requirement: &Requirement) -> Option<Vec<&Condition>> {
    let condition = |condition| is_indexed(condition).then(|| vec![condition]);
    requirement.fold(&condition, &|operator, parts| match operator {
        Operator::All => parts.flatten().min_by_key(Vec::len),
        Operator::Any => parts
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.concat()),
        Operator::Not => None,
    })
}

fn is_indexed(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::Role(_)
            | Condition::Scope(_)
            | Condition::Group(_)
            | Condition::Client(_)
            | Condition::Object(_)
    )
}

#[cfg(test)]
mod tests;
