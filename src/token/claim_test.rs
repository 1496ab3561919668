//! Requirements on a token's claims.

use super::claim_path::ClaimPath;
use crate::json::raw::Object;
use serde_json::Value;

/// A test of one claim.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimTest {
    /// The claim is a scalar with this value.
    Equals(Value),
    /// The claim is a scalar with one of these values.
    OneOf(Vec<Value>),
    /// The claim is an array that contains this value.
    Contains(Value),
    /// The claim is present, or absent if false.
    Present(bool),
}

impl ClaimTest {
    /// Reports whether a claim passes the test; `value` is `None` if the claim is absent. Returns `None`
    /// (indeterminate) if the claim has the wrong form, such as an array where a scalar is expected.
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

/// A requirement that depends only on the token's claims.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimRequirement {
    Claim { path: ClaimPath, test: ClaimTest },
    All(Vec<ClaimRequirement>),
    Any(Vec<ClaimRequirement>),
    Not(Box<ClaimRequirement>),
}

impl ClaimRequirement {
    /// Reports whether the requirement is satisfied. Returns `None` if it is indeterminate (Kleene's strong
    /// three-valued logic).
    pub fn is_satisfied(&self, claims: &Object<'_>) -> Option<bool> {
        match self {
            Self::Claim { path, test } => {
                let value = path.find(claims).and_then(|raw| raw.value());
                test.passes(value.as_ref())
            }
            Self::All(parts) => combine(parts, claims, true),
            Self::Any(parts) => combine(parts, claims, false),
            Self::Not(part) => part.is_satisfied(claims).map(|is_satisfied| !is_satisfied),
        }
    }
}

/// Evaluates a conjunction (`neutral` is true) or a disjunction (`neutral` is false) in three-valued logic.
fn combine(parts: &[ClaimRequirement], claims: &Object<'_>, neutral: bool) -> Option<bool> {
    let mut result = Some(neutral);
    for part in parts {
        match part.is_satisfied(claims) {
            Some(is_satisfied) if is_satisfied != neutral => return Some(!neutral),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}
