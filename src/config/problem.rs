//! Causes of configuration errors, one variant per cause. The message in `text` states the problem and the remedy;
//! [`ConfigError`] adds the path.
//!
//! [`ConfigError`]: super::error::ConfigError

mod text;

use super::proto::StructError;
use crate::fetch::callout::UriError;
use crate::keys::keyset::KeySetError;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    // The whole configuration.
    Empty,
    NotJson(String),
    NotStruct(StructError),

    // Structure.
    UnknownField {
        expected: &'static [&'static str],
        suggestion: Option<&'static str>,
    },
    Missing,
    WrongType {
        expected: &'static str,
        found: &'static str,
    },
    NotDuration {
        text: String,
    },
    /// `found` is `None` if the value may be a secret.
    UnknownChoice {
        found: Option<String>,
        expected: &'static [&'static str],
        suggestion: Option<&'static str>,
    },
    /// A choice in the form of an object must have exactly one member.
    NotOneChoice {
        found: usize,
        expected: &'static [&'static str],
    },
    /// A choice in the form of a string that requires a value.
    BareChoice {
        choice: &'static str,
    },
    Unreadable(String),

    // Names and references.
    BadName {
        name: String,
    },
    DuplicateName {
        first: String,
    },
    UnknownReference {
        kind: &'static str,
        name: String,
        suggestion: Option<String>,
    },

    // Lists and choices.
    /// `otherwise` says what to do instead of leaving the list empty.
    EmptyList {
        otherwise: &'static str,
    },
    ExactlyOne {
        of: &'static [&'static str],
        found: Vec<&'static str>,
    },
    /// A field that has no effect together with another.
    NoEffect {
        with: &'static str,
    },

    // Values.
    EmptyText,
    BadText {
        rule: &'static str,
    },
    NotGuid {
        what: &'static str,
        text: String,
    },
    WildcardNotAlone,
    SymmetricAlgorithm {
        name: String,
    },
    NoneAlgorithm,
    UnknownAlgorithm {
        name: String,
        suggestion: Option<&'static str>,
    },
    BadUri(UriError),
    TooShort {
        least: Duration,
    },
    TooLong {
        most: Duration,
    },
    OutOfRange {
        least: u64,
        most: u64,
    },
    StaleBeforeRefresh {
        refresh: Duration,
        max_stale: Duration,
    },
    /// `limits.inspected_bytes` is less than `limits.body_inspected`.
    BelowBodyInspected {
        body_inspected: usize,
    },
    BadKeySet(KeySetError),
    BadClaimPath,
    NotScalar,
    BadPattern {
        rule: &'static str,
    },

    // Headers.
    BadHeaderName,
    ReservedHeader {
        why: &'static str,
    },
    DuplicateHeader {
        first: String,
    },

    // Conflicts between issuers.
    OverlappingIssuers {
        other: String,
        name: String,
        iss: String,
    },

    // Group lookups.
    OneTenant,
    OtherTenant {
        tenant: String,
    },
    TooManyGroups {
        groups: usize,
        most: usize,
    },

    // Credentials.
    MissingVariable {
        name: String,
    },
    EmptyVariable {
        name: String,
    },
    /// Never contains the value.
    BadSecret {
        variable: Option<String>,
    },

    // Rules.
    NoRequirement,
    NoCredential,
    DenyWithCredential,
    NotForAnonymous {
        field: &'static str,
    },
    AnonymousEverywhere,
    ExchangeForAnonymous,
    ExchangeForManyTenants {
        issuer: String,
    },
}
