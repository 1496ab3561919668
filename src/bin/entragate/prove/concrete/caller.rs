//! The caller of an assignment.

use super::Wanted;
use crate::policy_test::caller::{self, Actor, Kind, Shorthand};
use crate::prove::facts::Facts;
use crate::prove::facts::claims::{Claim, Names, Text};
use entragate::config::Config;
use entragate::time::Timestamp;
use entragate::token::facets;
use entragate::token::issuer::{Authority, Issuer};
use serde_json::{Map, Value, json};

/// Writes the caller of a case: the issuer, the claims, and the groups that Microsoft Graph returns.
pub fn caller(
    facts: &Facts,
    wanted: &Wanted,
    config: &Config,
    issuer: &Issuer,
    now: Timestamp,
) -> Value {
    let is_entra = matches!(issuer.authority, Authority::Entra(_));
    let (known, written) = kind(facts, wanted, is_entra);
    let described = described(facts, wanted, is_entra, written);
    let mut draft = Draft {
        facts,
        wanted,
        issuer,
        claims: caller::unchecked_claims(&described, issuer, config.token.max_lifetime, now),
        elsewhere: Map::new(),
    };
    draft.set_audiences();
    if is_entra && written.is_none() {
        draft.set(facets::TYPE, "unclear".into());
    }
    if is_entra && wanted.is(facts.acts_as_no_agent) {
        draft.set(facets::ACTOR, "1".into());
    } else if known.is_none() && wanted.needs(!facts.acts_as_agent) {
        // If facets cannot be read, the actor and the kind are unknown.
        draft.set(facets::ACTOR, 1.into());
    }
    draft.refer_elsewhere();
    draft.make_unreadable();
    draft.set_managed_identity();
    draft.set_tested_claims();
    let mut caller = json!({"issuer": &*issuer.name, "claims": draft.finish()});
    if wanted.needs(facts.are_groups_known) {
        caller["graph_groups"] = json!(wanted.all(&facts.graph_groups));
    }
    caller
}

/// The kind that the facts have, and the kind to write: if any kind of caller will do, the caller is a person.
fn kind(facts: &Facts, wanted: &Wanted, is_entra: bool) -> (Option<Kind>, Option<Kind>) {
    let kinds = [
        (facts.user, Kind::User),
        (facts.app, Kind::App),
        (facts.agent, Kind::Agent),
    ];
    let mut known = kinds.iter().filter(|(literal, _)| wanted.is(*literal));
    let known = known.next().map(|(_, kind)| *kind);
    let matters = kinds.iter().any(|(literal, _)| wanted.matters(*literal));
    let usual = (is_entra && !matters).then_some(Kind::User);
    (known, known.or(usual))
}

fn described(facts: &Facts, wanted: &Wanted, is_entra: bool, kind: Option<Kind>) -> Shorthand {
    let text = |text: &Text| wanted.first(&text.values).cloned();
    let names = |names: &Names| {
        let mut held = names.held.clone();
        held.retain(|_, literal| wanted.needs(*literal));
        (!held.is_empty()).then(|| held.into_keys().collect())
    };
    let mut methods = facts.methods.held.values();
    Shorthand {
        tenant: text(&facts.tenant),
        object: text(&facts.object),
        client: text(&facts.client),
        kind,
        actor: (is_entra && wanted.is(facts.acts_as_agent)).then_some(Actor::Agent),
        roles: names(&facts.roles),
        groups: names(&facts.groups),
        scopes: names(&facts.scopes),
        directory_roles: names(&facts.directory_roles),
        auth_contexts: names(&facts.contexts),
        mfa: methods.any(|literal| wanted.needs(*literal)),
        ..Shorthand::default()
    }
}

struct Draft<'f> {
    facts: &'f Facts,
    wanted: &'f Wanted,
    issuer: &'f Issuer,
    claims: Map<String, Value>,
    /// Claims that are outside the token, with their source (`_claim_names`).
    elsewhere: Map<String, Value>,
}

impl Draft<'_> {
    fn set(&mut self, name: &str, value: Value) {
        self.claims.insert(name.into(), value);
    }

    fn set_audiences(&mut self) {
        let audiences = self.wanted.all(&self.facts.audiences);
        if !audiences.is_empty() {
            self.set("aud", json!(audiences));
        }
    }

    fn refer(&mut self, name: Option<&str>) {
        self.elsewhere
            .extend(name.map(|name| (name.to_owned(), "src1".into())));
    }

    /// Names a source outside the token for unclear texts and names.
    fn refer_elsewhere(&mut self) {
        let (facts, own) = (self.facts, &self.issuer.claims);
        let scope = own.scope.as_ref().map_or(Some("scp"), |path| path.first());
        let client = own.client.as_ref().map_or(Some("azp"), |path| path.first());
        for (unclear, name) in [
            (facts.roles.unclear, own.roles.path.first()),
            (facts.scopes.unclear, scope),
            (facts.client.unclear, client),
            (facts.tenant.unclear, own.tenant.first()),
            (facts.directory_roles.unclear, Some("wids")),
            (facts.managed_identity.unclear, Some("xms_mirid")),
        ] {
            if self.wanted.needs(unclear) {
                self.refer(name);
            }
        }
    }

    /// Writes values of a wrong type for unclear claims that cannot be outside the token.
    fn make_unreadable(&mut self) {
        let facts = self.facts;
        if self.wanted.needs(facts.groups.unclear)
            && let Some(name) = self.issuer.claims.groups.path.member_name()
        {
            match self.claims.entry(name).or_insert_with(|| json!([])) {
                Value::Array(items) => items.push(json!(1)),
                other => *other = json!(1),
            }
        }
        for (unclear, name) in [
            (facts.methods.unclear, "amr"),
            (facts.contexts.unclear, "acrs"),
        ] {
            if self.wanted.needs(unclear) {
                self.set(name, json!(1));
            }
        }
    }

    fn set_managed_identity(&mut self) {
        let (facts, wanted) = (self.facts, self.wanted);
        if let Some(resource) = wanted.first(&facts.managed_identity.values) {
            self.set("xms_mirid", resource.as_str().into());
        } else if wanted.is(facts.has_managed_identity) {
            self.set("xms_mirid", "/subscriptions/other".into());
        }
        if wanted.needs(facts.overage) {
            self.set("hasgroups", true.into());
        }
    }

    /// Writes the claims that requirements test by their path.
    fn set_tested_claims(&mut self) {
        let wanted = self.wanted;
        for claim in self.facts.claims.0.values() {
            if let Some(value) = value_of(claim, wanted) {
                caller::set(&mut self.claims, &claim.path, value);
            } else if wanted.is(claim.absent) && wanted.needs(claim.elsewhere) {
                self.refer(claim.path.trim_start_matches('/').split('/').next());
            }
        }
    }

    fn finish(mut self) -> Map<String, Value> {
        if !self.elsewhere.is_empty() {
            let elsewhere = self.elsewhere;
            self.claims.insert("_claim_names".into(), elsewhere.into());
        }
        self.claims
    }
}

/// A value of a claim; `None` if the token has none.
fn value_of(claim: &Claim, wanted: &Wanted) -> Option<Value> {
    let mut scalars = claim.scalars.iter();
    if let Some((value, _)) = scalars.find(|(_, literal)| wanted.is(*literal)) {
        return Some(value.clone());
    }
    if wanted.is(claim.array) {
        let items = claim.items.iter();
        let items = items.filter(|(_, literal)| wanted.is(*literal));
        return Some(items.map(|(item, _)| item.clone()).collect());
    }
    if wanted.is(claim.object) {
        return Some(json!({}));
    }
    wanted.is(claim.other_scalar).then(|| {
        let numbers = wanted.all(&claim.numbers);
        let text = match (wanted.is(claim.is_numbers), numbers.is_empty()) {
            (true, false) => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                numbers.join(" ")
            }
            (true, true) => "0".to_owned(),
            (false, _) => "other".to_owned(),
        };
        text.into()
    })
}
