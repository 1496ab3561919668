//! The issuers: the tokens that they issue, and the tokens that a configuration accepts.

use super::Facts;
use super::claims::key;
use crate::prove::solver::{Lit, Solver};
use crate::prove::three::Three;
use entragate::config::Config;
use entragate::logic::Formula;
use entragate::token::claim_test::ClaimCondition;
use entragate::token::issuer::{Authority, Issuer, Tenants};
use entragate::token::kind::{KindRule, Preset};

const TENANT_CLAIM: &str = "tid";

impl Facts {
    pub(super) fn note_issuer(&mut self, solver: &mut Solver, issuer: &Issuer) {
        let name = issuer.name.to_string();
        self.issuers
            .entry(name)
            .or_insert_with(|| solver.variable());
        for audience in &*issuer.audiences {
            self.audiences
                .entry(key(audience))
                .or_insert_with(|| solver.variable());
        }
        for client in &issuer.clients {
            self.client.value(solver, key(client));
        }
        if let Authority::Entra(entra) = &issuer.authority
            && let Tenants::Listed(tenants) = &entra.tenants
        {
            for tenant in tenants {
                self.tenant.value(solver, key(tenant));
            }
        }
    }

    /// Adds the constraints that apply to all tokens of this issuer.
    pub(super) fn relate_issuer(&self, solver: &mut Solver, own: Lit, issuer: &Issuer) {
        match &issuer.authority {
            Authority::Entra(entra) if entra.agent_claims => {
                // A token without facets is known not to belong to an agent.
                for kind in [self.user, self.app, self.agent] {
                    solver.require(&[!own, !kind, self.acts_as_agent, self.acts_as_no_agent]);
                }
            }
            Authority::Entra(_) => {}
            Authority::Oidc { .. } => {
                for fact in [self.acts_as_agent, self.acts_as_no_agent, self.agent] {
                    solver.require(&[!own, !fact]);
                }
                match &issuer.claims.kind {
                    KindRule::Preset(Preset::GithubActions | Preset::Kubernetes) => {
                        solver.require(&[!own, !self.user]);
                    }
                    KindRule::Standard | KindRule::Preset(_) => {}
                    KindRule::Claims { app, user } => {
                        let mut truth =
                            |requirement: &Option<Formula<ClaimCondition>>| match requirement {
                                Some(requirement) => self.truth_of_claims(solver, requirement),
                                None => Three::known(solver.never()),
                            };
                        let (app, user) = (truth(app), truth(user));
                        for (kind, its, others) in [(self.user, user, app), (self.app, app, user)] {
                            solver.require(&[!own, !kind, its.yes]);
                            solver.require(&[!own, !kind, others.no]);
                        }
                    }
                }
            }
        }
    }

    fn truth_of_claims(&self, solver: &mut Solver, requirement: &Formula<ClaimCondition>) -> Three {
        Three::of(solver, requirement, &mut |solver: &mut Solver, claim| {
            self.claims.truth(solver, claim)
        })
    }

    /// Whether a configuration accepts the token: its issuer, audience, tenant and client.
    pub fn is_accepted(&self, solver: &mut Solver, config: &Config) -> Lit {
        let mut ways = Vec::new();
        for issuer in &config.issuers {
            let Some(own) = self.issuers.get(&*issuer.name) else {
                continue;
            };
            let audiences = issuer.audiences.iter();
            let audiences: Vec<Lit> = audiences
                .filter_map(|audience| self.audiences.get(&key(audience)).copied())
                .collect();
            let mut conditions = vec![*own, solver.any(audiences)];
            if !issuer.clients.is_empty() {
                let clients = issuer.clients.iter().map(String::as_str);
                conditions.push(self.client.is_among(solver, clients));
            }
            if let Authority::Entra(entra) = &issuer.authority
                && let Tenants::Listed(tenants) = &entra.tenants
                && issuer.claims.tenant.as_str() == TENANT_CLAIM
            {
                let tenants = tenants.iter().map(|tenant| &**tenant);
                conditions.push(self.tenant.is_among(solver, tenants));
            }
            ways.push(solver.all(conditions));
        }
        solver.any(ways)
    }
}
