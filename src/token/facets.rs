//! Entra's facets: the claims that distinguish agents from people and applications.
//!
//! `xms_act_fct` describes the acting party, and `xms_sub_fct` the identity in the token. Both are strings of unordered
//! numbers, and unknown numbers are ignored. `xms_par_app_azp`, the agent's blueprint, is in every agent's token.
//! Source: Microsoft's "Token claims reference for agents".

use super::kind::Kind;
use crate::json::raw::{Object, Raw};

pub const ACTOR: &str = "xms_act_fct";
pub const SUBJECT: &str = "xms_sub_fct";
pub const BLUEPRINT: &str = "xms_par_app_azp";
/// The claim that distinguishes people and agents' user accounts from applications.
pub const TYPE: &str = "idtyp";
/// The claims that are sets of numbers.
pub const SETS: [&str; 4] = [ACTOR, SUBJECT, "xms_tnt_fct", "xms_idrel"];

/// The facet of an agent's identity.
const AGENT: u64 = 11;
/// The facet of a user account that belongs to an agent.
const AGENTS_USER: u64 = 13;

/// Who acts in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// An agent, on its own behalf or on behalf of a person.
    Agent,
    /// The token shows that no agent acts.
    NoAgent,
}

impl Actor {
    pub const AGENT: &str = "agent";

    /// Returns the name in audit records.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Agent => Some(Self::AGENT),
            Self::NoAgent => None,
        }
    }
}

/// The effect of the facets on the caller's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// None: other claims determine the kind.
    None,
    Kind(Kind),
    /// They indicate an agent, but not in a documented combination.
    Unclear,
}

/// The facets of one token.
#[derive(Clone, Copy, Debug)]
pub struct Facets {
    pub sign: Sign,
    /// `None`: the token does not show who acts.
    pub actor: Option<Actor>,
}

impl Facets {
    /// The facets of a token whose issuer has none.
    pub const UNKNOWN: Self = Self {
        sign: Sign::None,
        actor: None,
    };

    /// Reads the facets of Entra's claims. `are_requested`: the API requests them as optional claims, so a token
    /// without them is not an agent's.
    pub fn read(claims: &Object<'_>, are_requested: bool) -> Self {
        let (actor, subject) = (Facet::read(claims, ACTOR), Facet::read(claims, SUBJECT));
        let has_blueprint = claims.has(BLUEPRINT) || is_elsewhere(claims, BLUEPRINT);
        if !actor.is_mark() && !subject.is_mark() && !has_blueprint {
            let is_known = are_requested || actor != Facet::Absent;
            return Self {
                sign: Sign::None,
                actor: is_known.then_some(Actor::NoAgent),
            };
        }
        if !actor.has_agent() {
            return Self {
                sign: Sign::Unclear,
                actor: None,
            };
        }
        let is = |wanted| claims.get(TYPE).is_some_and(|own| own.is(wanted));
        let sign = match subject {
            Facet::Numbers { agent: true, .. } if is("app") => Sign::Kind(Kind::Agent),
            Facet::Numbers { user: true, .. } if is("user") => Sign::Kind(Kind::Agent),
            Facet::Numbers {
                agent: false,
                user: false,
            } if is("user") => Sign::Kind(Kind::User),
            // An API that does not request this facet cannot distinguish a person from an agent's user account.
            Facet::Absent if is("user") && are_requested => Sign::Kind(Kind::User),
            Facet::Numbers { .. } | Facet::Absent | Facet::Unreadable => Sign::Unclear,
        };
        Self {
            sign,
            actor: Some(Actor::Agent),
        }
    }
}

/// One facet claim, reduced to the numbers that identify agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Facet {
    Absent,
    /// The claim is not a string of numbers, or is elsewhere (`_claim_names`).
    Unreadable,
    Numbers {
        agent: bool,
        user: bool,
    },
}

impl Facet {
    fn read(claims: &Object<'_>, name: &str) -> Self {
        let Some(value) = claims.get(name) else {
            return if is_elsewhere(claims, name) {
                Self::Unreadable
            } else {
                Self::Absent
            };
        };
        let text = value.text();
        let Some(numbers) = text.as_deref().and_then(numbers) else {
            return Self::Unreadable;
        };
        Self::Numbers {
            agent: numbers.contains(&AGENT),
            user: numbers.contains(&AGENTS_USER),
        }
    }

    fn has_agent(self) -> bool {
        matches!(self, Self::Numbers { agent: true, .. })
    }

    /// Returns whether the facet identifies an agent, or may do so.
    fn is_mark(self) -> bool {
        match self {
            Self::Absent => false,
            Self::Unreadable => true,
            Self::Numbers { agent, user } => agent || user,
        }
    }
}

/// Returns the numbers in a text, which must be separated by spaces; `None` if the text contains anything else.
pub fn numbers(text: &str) -> Option<Vec<u64>> {
    let number = |word: &str| {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        // No facet has a number of this size.
        is_number.then(|| word.parse().unwrap_or(u64::MAX))
    };
    text.split_ascii_whitespace().map(number).collect()
}

/// Returns whether the token says that the claim is elsewhere. If the names of these claims are unreadable, any claim
/// may be elsewhere.
pub fn is_elsewhere(claims: &Object<'_>, name: &str) -> bool {
    let names = claims.get("_claim_names").map(Raw::object);
    names.is_some_and(|names| names.is_none_or(|names| names.has(name)))
}
