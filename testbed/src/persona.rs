//! The people and programs of the testbed, each with the claims that Entra issues for this kind of caller.
//!
//! Sources: Microsoft's access token claims reference (v1.0 and v2.0) and public samples. All identifiers except
//! those of the documentation are invented; each persona keeps its `oid`, `sub`, `uti` and `sid` from run to run, so that
//! audit records can be compared.

mod claims;
mod ids;

use std::{fmt, str::FromStr};

use serde_json::{Value, json};

pub use ids::*;

use crate::keys::{self, Algorithm, SigningKey};

/// The caller of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Persona {
    Ada,
    Ben,
    Carl,
    Nora,
    Cora,
    Batch,
    Lurker,
    Robot,
    Gina,
    Olga,
    Omar,
    Kim,
    Scout,
    Clerk,
    Mate,
    Expired,
    Future,
    WrongAudience,
    IdToken,
    Graph,
    Pop,
}

impl Persona {
    pub const ALL: [Persona; 21] = [
        Persona::Ada,
        Persona::Ben,
        Persona::Carl,
        Persona::Nora,
        Persona::Cora,
        Persona::Batch,
        Persona::Lurker,
        Persona::Robot,
        Persona::Gina,
        Persona::Olga,
        Persona::Omar,
        Persona::Kim,
        Persona::Scout,
        Persona::Clerk,
        Persona::Mate,
        Persona::Expired,
        Persona::Future,
        Persona::WrongAudience,
        Persona::IdToken,
        Persona::Graph,
        Persona::Pop,
    ];

    /// The name used on the command line and in the control endpoint's path.
    pub fn name(self) -> &'static str {
        self.card().0
    }

    /// A one-line description of the token.
    pub fn about(self) -> &'static str {
        self.card().1
    }

    /// How the policy in the top-level `envoy.yaml` decides when this persona POSTs to `/v1/chat/completions`:
    /// the status and the stable code.
    pub fn verdict(self) -> (u16, &'static str) {
        match self {
            Persona::Ada
            | Persona::Ben
            | Persona::Cora
            | Persona::Batch
            | Persona::Robot
            | Persona::Scout
            | Persona::Clerk
            | Persona::Mate => (200, "permitted"),
            Persona::Carl => (403, "denied_by_rule"),
            Persona::Nora | Persona::Lurker => (403, "rule_unsatisfied"),
            Persona::Olga | Persona::Omar => (403, "groups_overage"),
            Persona::Gina => (401, "tenant_not_allowed"),
            Persona::Kim => (401, "issuer_unknown"),
            Persona::Expired => (401, "token_expired"),
            Persona::Future => (401, "token_not_yet_valid"),
            Persona::WrongAudience => (401, "audience_mismatch"),
            Persona::IdToken | Persona::Graph => (401, "token_for_another_api"),
            Persona::Pop => (401, "token_bound"),
        }
    }

    /// The token's payload as issued a moment before `now` (seconds since 1970).
    pub fn claims(self, now: u64) -> Value {
        claims::of(self, now)
    }

    /// The JOSE header Entra (or the realm, for [`Persona::Kim`]) puts on this token, naming the key `kid`.
    pub fn header(self, kid: &str) -> Value {
        match self {
            Persona::Kim => json!({"alg": "ES256", "typ": "JWT", "kid": kid}),
            Persona::Graph => {
                json!({"typ": "JWT", "nonce": GRAPH_NONCE, "alg": "RS256", "x5t": kid, "kid": kid})
            }
            Persona::Ben | Persona::Robot => {
                json!({"typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid})
            }
            _ => json!({"typ": "JWT", "alg": "RS256", "kid": kid}),
        }
    }

    /// The default signing key of this persona's tokens; a new stand-in publishes it.
    pub fn key(self) -> SigningKey {
        match self {
            Persona::Kim => keys::cached(Algorithm::Es256),
            _ => keys::rsa(),
        }
    }

    /// Whether the signature verifies. Graph signs over the *hash* of the header's nonce, so its tokens never verify as a plain JWS.
    pub(crate) fn signature_verifies(self) -> bool {
        self != Persona::Graph
    }

    fn card(self) -> (&'static str, &'static str) {
        match self {
            Persona::Ada => (
                "ada",
                "v2 user, data scientist: role Model.Query, one group",
            ),
            Persona::Ben => ("ben", "v1 user, role Model.Query, signed in with MFA (amr)"),
            Persona::Carl => ("carl", "v2 user, role Contractor only"),
            Persona::Nora => ("nora", "v2 user without any role or group"),
            Persona::Cora => (
                "cora",
                "v2 user, role Model.Query, authentication context c1",
            ),
            Persona::Batch => (
                "batch",
                "v2 app-only (client credentials), role Model.Query",
            ),
            Persona::Lurker => (
                "lurker",
                "v2 app-only without roles, as any app of the tenant can get",
            ),
            Persona::Robot => ("robot", "v1 managed identity (idtyp app, xms_mirid), 24 h"),
            Persona::Gina => (
                "gina",
                "v2 user of another tenant, which the policy does not list",
            ),
            Persona::Olga => (
                "olga",
                "v2 user in over 200 groups: overage by _claim_names",
            ),
            Persona::Omar => ("omar", "v2 user, overage of the implicit flow: hasgroups"),
            Persona::Kim => (
                "kim",
                "user of a generic OIDC realm (Keycloak), signed with ES256",
            ),
            Persona::Scout => (
                "scout",
                "v2 agent that acts for itself (autonomous), role Model.Query",
            ),
            Persona::Clerk => ("clerk", "v2 agent that acts on behalf of ada"),
            Persona::Mate => (
                "mate",
                "v2 agent with a user account of its own, role Model.Query",
            ),
            Persona::Expired => ("expired", "ada's token, two hours old"),
            Persona::Future => ("future", "ada's token, valid in an hour"),
            Persona::WrongAudience => ("wrong_audience", "ada's token for another API"),
            Persona::IdToken => ("id_token", "ada's ID token: not an access token"),
            Persona::Graph => ("graph", "ada's Microsoft Graph token (nonce in the header)"),
            Persona::Pop => (
                "pop",
                "ada's proof-of-possession token (cnf) sent as a plain Bearer",
            ),
        }
    }
}

impl fmt::Display for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("unknown persona {0:?}; see `GET /` of the token server, or `testbed personas`")]
pub struct UnknownPersona(String);

impl FromStr for Persona {
    type Err = UnknownPersona;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Persona::ALL
            .into_iter()
            .find(|persona| persona.name() == name)
            .ok_or_else(|| UnknownPersona(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_900_000_000;

    #[test]
    fn names_parse_back() {
        for persona in Persona::ALL {
            assert_eq!(persona.name().parse::<Persona>().ok(), Some(persona));
        }
        assert!("mallory".parse::<Persona>().is_err());
    }

    #[test]
    fn every_persona_has_its_own_identity() {
        let count = |claim: &str| {
            let mut seen: Vec<_> = Persona::ALL
                .into_iter()
                .filter_map(|persona| persona.claims(NOW)[claim].as_str().map(str::to_owned))
                .collect();
            let all = seen.len();
            seen.sort();
            seen.dedup();
            (all, seen.len())
        };
        let (all, distinct) = count("uti");
        assert_eq!(all, distinct);
        // The agent that acts on behalf of Ada has her object id, and the last six personas are all Ada.
        let (all, distinct) = count("oid");
        assert_eq!(distinct, all - 7);
    }

    #[test]
    fn entra_tokens_have_what_entra_always_sends() {
        for persona in Persona::ALL {
            if persona == Persona::Kim {
                continue;
            }
            let claims = persona.claims(NOW);
            for claim in ["aud", "iss", "sub", "oid", "tid", "ver", "uti"] {
                assert!(claims[claim].is_string(), "{persona} lacks {claim}");
            }
            for claim in ["iat", "nbf", "exp"] {
                assert!(claims[claim].is_u64(), "{persona} lacks {claim}");
            }
        }
    }
}
