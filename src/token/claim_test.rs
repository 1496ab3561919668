//! What a rule can ask of a single claim.

use super::claim_path::ClaimPath;
use crate::json::raw::Object;
use serde_json::Value;

/// A test of one claim.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimTest {
    /// A scalar with this value.
    Equals(Value),
    /// A scalar with one of these values.
    OneOf(Vec<Value>),
    /// An array that has this value.
    Contains(Value),
    Present(bool),
}

impl ClaimTest {
    /// Whether a claim passes; an absent one is `None`. The result is `None` where the claim has a form
    /// that the test is not about, such as an array where a scalar is expected.
    pub fn passes(&self, value: Option<&Value>) -> Option<bool> {
        let value = value.filter(|value| !value.is_null());
        match (self, value) {
            (Self::Present(wanted), value) => Some(value.is_some() == *wanted),
            (_, None) => Some(false),
            (Self::Equals(_) | Self::OneOf(_), Some(Value::Array(_) | Value::Object(_))) => None,
            (Self::Equals(wanted), Some(value)) => Some(value == wanted),
            (Self::OneOf(wanted), Some(value)) => Some(wanted.contains(value)),
            (Self::Contains(wanted), Some(Value::Array(items))) => Some(items.contains(wanted)),
            (Self::Contains(_), Some(_)) => None,
        }
    }
}

/// A requirement on the claims of a token alone.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimRequirement {
    Claim { path: ClaimPath, test: ClaimTest },
    All(Vec<ClaimRequirement>),
    Any(Vec<ClaimRequirement>),
    Not(Box<ClaimRequirement>),
}

impl ClaimRequirement {
    /// Whether it is satisfied; `None` where that can't be told (Kleene's strong logic).
    pub fn is_met(&self, claims: &Object<'_>) -> Option<bool> {
        match self {
            Self::Claim { path, test } => {
                let value = path.find(claims).and_then(|raw| raw.value());
                test.passes(value.as_ref())
            }
            Self::All(parts) => combine(parts, claims, true),
            Self::Any(parts) => combine(parts, claims, false),
            Self::Not(part) => part.is_met(claims).map(|is_met| !is_met),
        }
    }
}

/// Conjunction (`neutral` is true) or disjunction (`neutral` is false) in three values.
fn combine(parts: &[ClaimRequirement], claims: &Object<'_>, neutral: bool) -> Option<bool> {
    let mut result = Some(neutral);
    for part in parts {
        match part.is_met(claims) {
            Some(is_met) if is_met != neutral => return Some(!neutral),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}
