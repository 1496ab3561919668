//! The decision of the new configuration for the request of a record, if it is known.

use super::codes::{BY_RULES, may_recur};
use super::known::Known;
use super::request::{self, text};
use super::target;
use crate::explain::answer::{Answer, Simulation};
use crate::explain::keys::AnySignature;
use crate::policy_test::caller;
use crate::policy_test::run::prepare;
use entragate::config::Config;
use entragate::logic::Truth;
use entragate::policy::rule::{Effect, Mode, Rule};
use entragate::time::Timestamp;
use entragate::token::issuer::same_id;
use serde_json::Value;

/// A record and the new decision.
#[derive(Debug, PartialEq, Eq)]
pub enum Comparison {
    Unchanged,
    Changed(Outcome),
    /// The record does not contain the facts that decide.
    Unknown,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: String,
    pub rule: Option<String>,
    pub credential: Option<String>,
}

/// The new decision, if it is known.
enum Decided {
    As(Outcome),
    Unknown,
}

pub struct Evaluator {
    new: Config,
    old: Option<Config>,
    simulations: [Option<Simulation>; 2],
}

impl Evaluator {
    pub fn new(new: Config, old: Option<Config>) -> Self {
        let simulation = |config: &Config| {
            let mut config = config.clone();
            prepare(&mut config);
            // Groups that the record does not contain are not looked up.
            config.directories.iter_mut().for_each(|each| *each = None);
            let mut simulation = Simulation::new(config, Timestamp::from_secs(0));
            simulation.gate.keep_trace();
            simulation
        };
        let simulations = [Some(simulation(&new)), old.as_ref().map(simulation)];
        Self {
            new,
            old,
            simulations,
        }
    }

    pub fn compare(&mut self, record: &Value) -> Comparison {
        let Decided::As(outcome) = self.decide(record) else {
            return Comparison::Unknown;
        };
        let was_permitted = text(record, "decision") == Some("permit");
        let is_permitted = matches!(&*outcome.code, "permitted" | "anonymous");
        if !was_permitted
            && is_permitted
            && may_recur(text(record, "code").unwrap_or_default(), &outcome)
        {
            return Comparison::Unknown;
        }
        let is_same = was_permitted == is_permitted
            && (!is_permitted || text(record, "credential") == outcome.credential.as_deref());
        if is_same {
            Comparison::Unchanged
        } else {
            Comparison::Changed(outcome)
        }
    }

    fn decide(&mut self, record: &Value) -> Decided {
        let Some(issuer) = text(record, "issuer") else {
            return self.decide_without_token(record);
        };
        let Some(answer) = pass(&mut self.simulations[0], &self.new, record, Some(issuer)) else {
            return Decided::Unknown;
        };
        let old = self.old.as_ref().and_then(|old| {
            let answer = pass(&mut self.simulations[1], old, record, Some(issuer))?;
            Some(Known::from(record, old, &answer.rules))
        });
        let decided = decided(&self.new, record, &answer, &old.unwrap_or_default());
        match &decided {
            // A record does not contain the token's audience.
            Decided::As(Outcome { code, .. })
                if code == "permitted" && !self.accepts_audiences(issuer) =>
            {
                Decided::Unknown
            }
            _ => decided,
        }
    }

    /// Whether the new configuration accepts all audiences that the old configuration accepts.
    fn accepts_audiences(&self, issuer: &str) -> bool {
        let audiences = |config: &Config| {
            let mut issuers = config.issuers.iter();
            let own = issuers.find(|own| *own.name == *issuer);
            own.map(|own| own.audiences.clone())
        };
        let old = self.old.as_ref().and_then(audiences);
        let (Some(old), Some(new)) = (old, audiences(&self.new)) else {
            return true;
        };
        let is_accepted = |own: &String| new.iter().any(|other| same_id(own, other));
        old.iter().all(is_accepted)
    }

    /// A record without an issuer belongs to a request without a token, or with a token that was refused before it was
    /// verified. The difference has no effect if the request needs no token.
    fn decide_without_token(&mut self, record: &Value) -> Decided {
        let Some(answer) = pass(&mut self.simulations[0], &self.new, record, None) else {
            return Decided::Unknown;
        };
        if target::leaves_anonymous_open(&self.new, record, &answer.rules) {
            return Decided::Unknown;
        }
        let code = text(record, "code");
        let needs_token = answer.text("code") == "token_missing";
        match (needs_token, code) {
            (true, Some("token_missing" | "anonymous")) | (false, _) => {
                Decided::As(outcome(&answer))
            }
            (true, _) => Decided::Unknown,
        }
    }
}

/// Runs the request of a record through a gate. Returns `None` if the record is not valid or the configuration does not
/// have its issuer.
fn pass(
    simulation: &mut Option<Simulation>,
    config: &Config,
    record: &Value,
    issuer: Option<&str>,
) -> Option<Answer> {
    let request = request::request(record)?;
    let now = request.time?;
    let token = match issuer {
        None => None,
        Some(name) => {
            let issuer = config.issuers.iter().find(|issuer| *issuer.name == *name)?;
            let claims = request::claims(record, issuer, config, now);
            Some(caller::signed(&claims, issuer, &config.token.types))
        }
    };
    let question = request.question(token, None, now, config);
    simulation.as_mut()?.pass(question, &AnySignature)
}

fn decided(config: &Config, record: &Value, answer: &Answer, known: &Known<'_>) -> Decided {
    if target::leaves_anonymous_open(config, record, &answer.rules) {
        return Decided::Unknown;
    }
    if !BY_RULES.contains(&answer.text("code")) {
        return Decided::As(outcome(answer));
    }
    let mut denial = None;
    let (mut may_be_denied, mut code) = (false, "no_rule");
    // The first rule that may permit, and whether it certainly permits.
    let mut permit: Option<(Outcome, bool)> = None;
    for rule in config
        .policy
        .rules
        .iter()
        .filter(|rule| rule.mode == Mode::Enforce)
    {
        let trace = answer.rules.iter().find(|trace| trace.rule == rule.name);
        let Some((trace, clause)) = trace.and_then(|trace| Some((trace, trace.require.as_ref()?)))
        else {
            return Decided::Unknown;
        };
        let matches = target::matches(record, &rule.matches, trace);
        if matches == Some(false) {
            continue;
        }
        let matches = matches == Some(true);
        let possible = known.possible(&rule.require, clause);
        match rule.effect {
            Effect::Deny if possible.is(Truth::Unsatisfied) => {}
            Effect::Deny if matches && !possible.may_be(Truth::Unsatisfied) => {
                denial = denial.or(Some(by(rule, "denied_by_rule", None, config)));
            }
            Effect::Deny => may_be_denied = true,
            Effect::Allow { credential } => {
                code = "rule_unsatisfied";
                if permit.is_none() && possible.may_be(Truth::Satisfied) {
                    let is_certain = matches && possible.is(Truth::Satisfied);
                    permit = Some((by(rule, "permitted", credential, config), is_certain));
                }
            }
        }
    }
    match (denial, permit) {
        (Some(denial), _) => Decided::As(denial),
        (None, None) => Decided::As(Outcome {
            code: code.to_owned(),
            rule: None,
            credential: None,
        }),
        (None, Some((permit, true))) if !may_be_denied => forwarded(config, record, answer, permit),
        (None, Some(_)) => Decided::Unknown,
    }
}

/// Returns the decision for a request that a rule permits: the gate may still refuse it.
fn forwarded(config: &Config, record: &Value, answer: &Answer, permit: Outcome) -> Decided {
    match target::is_sent(config, record, permit.credential.as_deref()) {
        Some(true) => {}
        Some(false) => {
            return Decided::As(Outcome {
                code: "upstream_not_allowed".to_owned(),
                ..permit
            });
        }
        None => return Decided::Unknown,
    }
    match answer.text("code") {
        "permitted" => Decided::As(permit),
        "not_a_member" | "model_not_found" => Decided::As(outcome(answer)),
        // The claims that the gate needed are unknown, so the models that it would show are also unknown.
        _ if config.forward.filter_models && target::lists_one_model(record) => Decided::Unknown,
        _ => Decided::As(permit),
    }
}

fn by(rule: &Rule, code: &str, credential: Option<usize>, config: &Config) -> Outcome {
    let credential = credential.and_then(|at| config.credentials.get(at));
    Outcome {
        code: code.to_owned(),
        rule: Some(rule.name.to_string()),
        credential: credential.map(|credential| credential.name.to_string()),
    }
}

fn outcome(answer: &Answer) -> Outcome {
    let own = |member: &str| Some(answer.text(member).to_owned()).filter(|text| !text.is_empty());
    Outcome {
        code: answer.text("code").to_owned(),
        rule: own("rule"),
        credential: own("credential"),
    }
}
