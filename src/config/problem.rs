//! Everything that can be wrong with a configuration: one variant a cause, with its facts. Its
//! text (`text`) says what is wrong and what to do; the path in front of it is the [`ConfigError`]'s.
//!
//! [`ConfigError`]: super::error::ConfigError

mod text;

use super::proto::StructError;
use crate::fetch::callout::UriError;
use crate::keys::keyset::KeySetError;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    // The whole.
    Empty,
    NotJson(String),
    NotStruct(StructError),

    // The shape.
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
    /// `found` is `None` where a secret may stand.
    UnknownChoice {
        found: Option<String>,
        expected: &'static [&'static str],
        suggestion: Option<&'static str>,
    },
    /// A choice written as an object must have one member.
    NotOneChoice {
        found: usize,
        expected: &'static [&'static str],
    },
    /// A choice written as text alone that needs something with it.
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
    /// `otherwise`: what to do instead of leaving the list empty.
    EmptyList {
        otherwise: &'static str,
    },
    ExactlyOne {
        of: &'static [&'static str],
        found: Vec<&'static str>,
    },
    /// A field that means nothing beside another.
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
    /// `limits.inspected_bytes` has no room for one body of `limits.body_inspected` bytes.
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

    // Issuers against each other.
    OverlappingIssuers {
        other: String,
        name: String,
        iss: String,
    },

    // Group look-ups.
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
    /// Never carries the value.
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
