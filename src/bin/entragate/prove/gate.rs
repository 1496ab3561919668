//! Evaluates the requests that the search proposes, with the filter's gate.

use super::concrete::Witness;
use crate::explain::answer::{Answer, Simulation};
use crate::explain::keys::AnySignature;
use crate::explain::question::Question;
use crate::policy_test::caller::{self, Shorthand};
use crate::policy_test::request::Request;
use crate::policy_test::run::prepare;
use entragate::config::Config;
use entragate::time::Timestamp;

pub struct Evaluator {
    config: Config,
    simulation: Simulation,
}

impl Evaluator {
    /// `keeps_trace`: the answers contain the results of all rules, which takes longer.
    pub fn new(config: &Config, keeps_trace: bool) -> Self {
        let mut config = config.clone();
        prepare(&mut config);
        let mut simulation = Simulation::new(config.clone(), Timestamp::from_secs(0));
        if keeps_trace {
            simulation.gate.keep_trace();
        }
        Self { config, simulation }
    }

    /// Returns the decision about a witness, which is read like a case. `None`: it is not a valid case.
    pub fn decide(&mut self, witness: &Witness) -> Option<Answer> {
        let question = self.question(witness, &self.config)?;
        self.simulation.pass(question, &AnySignature)
    }

    /// Returns the decision about a witness whose token comes from an issuer of another configuration.
    pub fn decide_as(&mut self, witness: &Witness, issuing: &Config) -> Option<Answer> {
        let question = self.question(witness, issuing)?;
        self.simulation.pass(question, &AnySignature)
    }

    fn question(&self, witness: &Witness, issuing: &Config) -> Option<Question> {
        let request: Request = serde_json::from_value(witness.request.clone()).ok()?;
        let now = request.time?;
        let caller: Option<Shorthand> = match &witness.caller {
            None => None,
            Some(caller) => Some(serde_json::from_value(caller.clone()).ok()?),
        };
        let token = match &caller {
            None => None,
            Some(caller) => Some(caller::token(caller, issuing, now).ok()?),
        };
        let groups = caller
            .as_ref()
            .and_then(|caller| caller.graph_groups.as_ref());
        Some(request.question(token, groups, now, &self.config))
    }
}
