//! Requirements on a token's claims.

use super::claim_path::ClaimPath;
use super::facets;
use super::issuer::same_id;
use crate::json::raw::Object;
use crate::logic::{Formula, Truth};
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
    /// The claim is a string of numbers, separated by spaces, that contains this number, as in Entra's facets.
    ContainsNumber(u64),
    /// The claim is present, or absent if false.
    Present(bool),
}

impl ClaimTest {
    /// Tests a claim; `value` is `None` if the claim is absent. A claim of the wrong form, such as an array where a
    /// scalar is expected, is indeterminate.
    pub fn truth(&self, value: Option<&Value>) -> Truth {
        let value = value.filter(|value| !value.is_null());
        match (self, value) {
            (Self::Present(wanted), value) => Truth::known(value.is_some() == *wanted),
            (_, None) => Truth::Unsatisfied,
            (Self::Equals(_) | Self::OneOf(_), Some(Value::Array(_) | Value::Object(_))) => {
                Truth::Indeterminate
            }
            (Self::Equals(wanted), Some(value)) => Truth::known(is_same(value, wanted)),
            (Self::OneOf(wanted), Some(value)) => {
                Truth::known(wanted.iter().any(|wanted| is_same(value, wanted)))
            }
            (Self::Contains(wanted), Some(Value::Array(items))) => {
                Truth::known(items.iter().any(|item| is_same(item, wanted)))
            }
            (Self::ContainsNumber(wanted), Some(Value::String(text))) => facets::numbers(text)
                .map_or(Truth::Indeterminate, |numbers| {
                    Truth::known(numbers.contains(wanted))
                }),
            (Self::Contains(_) | Self::ContainsNumber(_), Some(_)) => Truth::Indeterminate,
        }
    }
}

/// Compares values; GUIDs are compared case-insensitively.
fn is_same(own: &Value, wanted: &Value) -> bool {
    match (own, wanted) {
        (Value::String(own), Value::String(wanted)) => same_id(own, wanted),
        _ => own == wanted,
    }
}

/// A test of the claim at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimCondition {
    pub path: ClaimPath,
    pub test: ClaimTest,
}

/// A requirement that depends only on the token's claims.
pub type ClaimRequirement = Formula<ClaimCondition>;

impl ClaimRequirement {
    /// Tests the claims of a token. A claim that the token says is elsewhere, or whose value cannot be read, is
    /// indeterminate.
    pub fn truth(&self, claims: &Object<'_>) -> Truth {
        self.evaluate(&|ClaimCondition { path, test }| {
            let Some(raw) = path.find(claims) else {
                let is_elsewhere = path
                    .first()
                    .is_some_and(|name| facets::is_elsewhere(claims, name));
                return if is_elsewhere {
                    Truth::Indeterminate
                } else {
                    test.truth(None)
                };
            };
            let value = raw.value();
            value.map_or(Truth::Indeterminate, |value| test.truth(Some(&value)))
        })
    }
}
