//! Assertions about all callers and all requests.

use super::concrete::Witness;
use super::credential_name;
use super::decision::{Decides, Decision};
use super::facts::Facts;
use super::gate::Evaluator;
use super::search::{Search, search};
use super::solver::{Lit, Solver};
use super::three::Three;
use crate::explain::answer::Answer;
use crate::progress::Progress;
use entragate::config::Config;
use entragate::logic::Truth;
use entragate::policy::rule::Rule;

/// A condition that must be true for every request. Its requirements and matches are shadow rules of the configuration,
/// which have no effect on decisions; the filter's gate evaluates them together with the other rules.
#[derive(Clone, Debug)]
pub enum Assertion {
    /// Only callers that satisfy the requirement get the credential.
    OnlyIf {
        credential: Option<usize>,
        /// The name of the rule with the requirement.
        require: String,
        /// The name of the rule with the match.
        matches: Option<String>,
    },
    /// No request of these callers is permitted.
    Never {
        /// Only permits with this credential are considered.
        credential: Option<Option<usize>>,
        /// The name of the rule with the match and the requirement.
        when: String,
        /// The assertion has a requirement, so anonymous permits are not considered.
        has_requirement: bool,
    },
    /// Every rule decides some request.
    NoShadowedRules,
}

impl Assertion {
    /// Returns whether a decision breaks the assertion. A requirement or a match that is indeterminate counts as the value
    /// that breaks it.
    pub fn is_broken_by(&self, answer: &Answer, config: &Config) -> bool {
        let has_credential = |credential: Option<usize>| {
            answer.text("credential") == credential_name(config, credential)
        };
        let (is_about, breaks) = match self {
            Self::OnlyIf {
                credential,
                require,
                matches,
            } => (
                has_credential(*credential)
                    && matches
                        .as_ref()
                        .is_none_or(|rule| may_have_matched(answer, rule)),
                answer.is_anonymous() || truth(answer, require) != Some(Truth::Satisfied),
            ),
            Self::Never {
                credential,
                when,
                has_requirement,
            } => (
                credential.is_none_or(has_credential) && may_have_matched(answer, when),
                if answer.is_anonymous() {
                    !*has_requirement
                } else {
                    truth(answer, when) != Some(Truth::Unsatisfied)
                },
            ),
            Self::NoShadowedRules => (false, false),
        };
        answer.is_permit() && is_about && breaks
    }
}

pub enum Verdict {
    Proved,
    Refuted(Box<Counterexample>),
    /// These rules decide no request.
    Shadowed(Vec<String>),
    /// Neither a proof nor a counterexample was found.
    Undecided,
}

pub struct Counterexample {
    pub witness: Witness,
    /// The decision that permits.
    pub answer: Answer,
    /// The decision of the configuration that permits less.
    pub other: Option<Answer>,
}

/// A configuration with shadow rules that contain the requirements of the assertions.
pub struct Prover<'c> {
    config: &'c Config,
    /// The prefix of the names of these shadow rules.
    prefix: &'c str,
    solver: Solver,
    facts: Facts,
    decision: Decision,
    evaluator: Evaluator,
}

impl<'c> Prover<'c> {
    pub fn new(config: &'c Config, prefix: &'c str) -> Self {
        let mut solver = Solver::new();
        let mut facts = Facts::of(&mut solver, &[config], Some(&config.endpoints));
        let decision = Decision::of(&mut solver, &mut facts, config);
        Self {
            config,
            prefix,
            solver,
            facts,
            decision,
            evaluator: Evaluator::new(config, true),
        }
    }

    pub fn prove(&mut self, assertion: &Assertion, progress: &mut Progress) -> Verdict {
        let goal = match assertion {
            Assertion::OnlyIf {
                credential,
                require,
                matches,
            } => self.only_if(*credential, require, matches.as_deref()),
            Assertion::Never {
                credential,
                when,
                has_requirement,
            } => self.never(*credential, when, *has_requirement),
            Assertion::NoShadowedRules => return self.no_shadowed_rules(progress),
        };
        self.search(goal, assertion)
    }

    fn only_if(&mut self, credential: Option<usize>, require: &str, matches: Option<&str>) -> Lit {
        let satisfied = self.requirement(require).yes;
        let may_match = self.may_match(matches, true);
        let without_token = self.may_match(matches, false);
        let permits = uses(&mut self.solver, &self.decision.permits, Some(credential));
        let anonymous = uses(&mut self.solver, &self.decision.anonymous, Some(credential));
        let breaks = self.solver.all([permits, !satisfied, may_match]);
        let opens = self.solver.all([anonymous, without_token]);
        self.solver.any([breaks, opens])
    }

    fn never(
        &mut self,
        credential: Option<Option<usize>>,
        when: &str,
        has_requirement: bool,
    ) -> Lit {
        let unsatisfied = self.requirement(when).no;
        let may_match = self.may_match(Some(when), true);
        let permits = uses(&mut self.solver, &self.decision.permits, credential);
        let mut goals = vec![self.solver.all([permits, !unsatisfied, may_match])];
        if !has_requirement {
            let without_token = self.may_match(Some(when), false);
            let anonymous = uses(&mut self.solver, &self.decision.anonymous, credential);
            goals.push(self.solver.all([anonymous, without_token]));
        }
        self.solver.any(goals)
    }

    fn no_shadowed_rules(&mut self, progress: &mut Progress) -> Verdict {
        // Only the rule that decides is needed, not the results of all rules.
        let mut evaluator = Evaluator::new(self.config, false);
        let decision = &self.decision;
        let all: Vec<&Decides> = (decision.anonymous.iter())
            .chain(&decision.denials)
            .chain(&decision.permits)
            .collect();
        let (mut shadowed, mut is_decided) = (Vec::new(), true);
        for (done, decides) in all.iter().enumerate() {
            progress.step("rule", done, all.len());
            let mut confirm = |witness: &Witness| {
                let answer = evaluator.decide(witness)?;
                is_decided_by(&answer, &decides.rule, decides.denies).then_some(())
            };
            match search(
                &mut self.solver,
                &self.facts,
                self.config,
                decides.when,
                &mut confirm,
            ) {
                Search::Found(()) => {}
                Search::Nothing => shadowed.push(decides.rule.clone()),
                Search::Undecided => is_decided = false,
            }
        }
        match (shadowed.is_empty(), is_decided) {
            (false, _) => Verdict::Shadowed(shadowed),
            (true, true) => Verdict::Proved,
            (true, false) => Verdict::Undecided,
        }
    }

    fn search(&mut self, goal: Lit, assertion: &Assertion) -> Verdict {
        let (evaluator, config, prefix) = (&mut self.evaluator, self.config, self.prefix);
        let mut confirm = |witness: &Witness| {
            let mut answer = evaluator.decide(witness)?;
            let is_broken = assertion.is_broken_by(&answer, config);
            answer.rules.retain(|rule| !rule.rule.starts_with(prefix));
            is_broken.then(|| Counterexample {
                witness: witness.clone(),
                answer,
                other: None,
            })
        };
        match search(
            &mut self.solver,
            &self.facts,
            self.config,
            goal,
            &mut confirm,
        ) {
            Search::Nothing => Verdict::Proved,
            Search::Found(found) => Verdict::Refuted(Box::new(found)),
            Search::Undecided => Verdict::Undecided,
        }
    }

    fn rule(&self, name: &str) -> Option<&'c Rule> {
        self.config
            .policy
            .rules
            .iter()
            .find(|rule| *rule.name == *name)
    }

    /// The requirement of a rule.
    fn requirement(&mut self, rule: &str) -> Three {
        match self.rule(rule) {
            Some(rule) => self.facts.requirement(&mut self.solver, &rule.require),
            None => Three::unknown(&self.solver),
        }
    }

    /// Whether a rule may match, for a caller with a token or without one.
    fn may_match(&mut self, rule: Option<&str>, has_token: bool) -> Lit {
        let Some(rule) = rule.and_then(|name| self.rule(name)) else {
            return self.solver.always();
        };
        let solver = &mut self.solver;
        !self.facts.covers(solver, &rule.matches, has_token).no
    }
}

/// Whether one of these rules decides, with this credential if one is given.
fn uses(solver: &mut Solver, all: &[Decides], credential: Option<Option<usize>>) -> Lit {
    let counts = |decides: &&Decides| credential.is_none_or(|wanted| decides.credential == wanted);
    let found: Vec<Lit> = all
        .iter()
        .filter(counts)
        .map(|decides| decides.when)
        .collect();
    solver.any(found)
}

/// Whether this rule has permitted or denied the request. A record of a denial may also name an allow rule whose
/// requirement depends on unknown groups; such an allow rule has not decided.
pub fn is_decided_by(answer: &Answer, rule: &str, denies: bool) -> bool {
    let decides = if denies {
        matches!(answer.text("code"), "denied_by_rule" | "groups_overage")
    } else {
        answer.is_permit()
    };
    decides && answer.text("rule") == rule
}

/// Whether a rule matched, or may have matched a body that is unknown.
fn may_have_matched(answer: &Answer, rule: &str) -> bool {
    let mut traces = answer.rules.iter();
    traces.any(|trace| *trace.rule == *rule && trace.matches != Some(false))
}

/// The value of a rule's requirement.
fn truth(answer: &Answer, rule: &str) -> Option<Truth> {
    let mut traces = answer.rules.iter();
    let trace = traces.find(|trace| *trace.rule == *rule)?;
    trace.require.as_ref().map(|clause| clause.truth)
}
