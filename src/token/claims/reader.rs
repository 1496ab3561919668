//! A reader for the forms of claims: a string, a list of strings, a time. If an optional claim has an unexpected form,
//! the token is not refused: the claim is unclear, and requirements that refer to it are indeterminate.

use super::{Texts, Unclear};
use crate::json::raw::Raw;
use crate::time::Timestamp;
use crate::token::claim_list::{ClaimList, Members};
use std::sync::Arc;

/// A claim that rules, audit records and revocation feeds can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Fact {
    Roles = 1,
    Groups = 1 << 1,
    Scopes = 1 << 2,
    DirectoryRoles = 1 << 3,
    Client = 1 << 4,
    Tenant = 1 << 5,
    Subject = 1 << 6,
    ManagedIdentity = 1 << 7,
    TokenId = 1 << 8,
    Session = 1 << 9,
}

/// Reads claims, and records claims in an unexpected form, whose results must not be used.
#[derive(Default)]
pub(super) struct ClaimReader {
    /// The reason to refuse the token.
    pub refusal: Option<&'static str>,
    pub unclear: Unclear,
}

impl ClaimReader {
    pub fn refuse(&mut self, reason: &'static str) {
        self.refusal = self.refusal.or(Some(reason));
    }

    pub fn text(&mut self, value: Option<Raw<'_>>, fact: Fact) -> Option<Arc<str>> {
        let text = value?.text();
        if text.is_none() {
            self.unclear.add(fact);
        }
        text.map(|text| Arc::from(&*text))
    }

    /// Reads a string, and refuses the token with the reason `otherwise` if the claim is not a string.
    pub fn required_text(
        &mut self,
        value: Option<Raw<'_>>,
        otherwise: &'static str,
    ) -> Option<Arc<str>> {
        let text = value?.text();
        if text.is_none() {
            self.refuse(otherwise);
        }
        text.map(|text| Arc::from(&*text))
    }

    /// Reads the strings of a list in the issuer's form.
    pub fn list(&mut self, value: Option<Raw<'_>>, list: &ClaimList, fact: Fact) -> Texts {
        match &list.members {
            Members::Texts => self.texts(value, fact),
            Members::Named(name) => self.named(value, name, fact),
            Members::Keys => self.keys(value, fact),
        }
    }

    pub fn texts(&mut self, value: Option<Raw<'_>>, fact: Fact) -> Texts {
        let mut texts = Vec::new();
        // No spare capacity, because the texts are cached.
        texts.reserve_exact(match value {
            Some(value) => value.items().map_or(1, Iterator::count),
            None => 0,
        });
        if !each_text(value, &mut |text| texts.push(text.into())) {
            self.unclear.add(fact);
        }
        texts.into()
    }

    /// Reads the named member of each object in an array.
    fn named(&mut self, value: Option<Raw<'_>>, name: &str, fact: Fact) -> Texts {
        let Some(value) = value else {
            return Texts::default();
        };
        let Some(items) = value.items() else {
            self.unclear.add(fact);
            return Texts::default();
        };
        let text = |item: Raw<'_>| Some(Box::from(&*item.object()?.get(name)?.text()?));
        let all: Vec<Option<Box<str>>> = items.map(text).collect();
        if all.iter().any(Option::is_none) {
            self.unclear.add(fact);
        }
        all.into_iter().flatten().collect()
    }

    /// Reads the names of an object's members. A null member counts as absent.
    fn keys(&mut self, value: Option<Raw<'_>>, fact: Fact) -> Texts {
        let Some(value) = value else {
            return Texts::default();
        };
        let Some(object) = value.object() else {
            self.unclear.add(fact);
            return Texts::default();
        };
        let present = object.iter().filter(|(_, value)| !value.is_null());
        present.map(|(name, _)| name.into()).collect()
    }

    /// Reads a NumericDate (RFC 7519 §2): seconds, possibly with a fraction.
    pub fn time(&mut self, value: Option<Raw<'_>>, otherwise: &'static str) -> Option<Timestamp> {
        /// The year 9999.
        const LATEST: f64 = 253_402_300_799.0;
        let secs = value?.number().unwrap_or(f64::NAN);
        if (0.0..=LATEST).contains(&secs) {
            return Some(Timestamp::from_millis((secs * 1000.0) as u64));
        }
        self.refuse(otherwise);
        None
    }
}

/// Calls `take` with each string of a list; a single string counts as an array of one. Returns false if the list
/// contains values other than strings.
pub(super) fn each_text(value: Option<Raw<'_>>, take: &mut dyn FnMut(&str)) -> bool {
    let Some(value) = value else {
        return true;
    };
    let mut items = value.items();
    let mut next = match &mut items {
        Some(items) => items.next(),
        None => Some(value),
    };
    let mut are_texts = true;
    while let Some(item) = next {
        match item.text() {
            Some(text) => take(&text),
            None => are_texts = false,
        }
        next = items.as_mut().and_then(Iterator::next);
    }
    are_texts
}
