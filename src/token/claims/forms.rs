//! The forms that claims have: a text, a list of texts, a time.

use super::Texts;
use crate::json::raw::Raw;
use crate::time::Timestamp;
use std::sync::Arc;

/// Reads claims, and remembers the first that has a form nobody could read with certainty. What it
/// gives for such a one counts for nothing.
#[derive(Default)]
pub(super) struct Forms {
    pub refused: Option<&'static str>,
}

impl Forms {
    pub fn refuse(&mut self, why: &'static str) {
        self.refused = self.refused.or(Some(why));
    }

    pub fn text(&mut self, value: Option<Raw<'_>>, otherwise: &'static str) -> Option<Arc<str>> {
        let value = value.filter(|value| !value.is_null())?;
        let text = value.text();
        if text.is_none() {
            self.refuse(otherwise);
        }
        text.map(|text| Arc::from(&*text))
    }

    pub fn texts(&mut self, value: Option<Raw<'_>>, otherwise: &'static str) -> Texts {
        let mut texts = Vec::new();
        // Of the size that is needed: they are kept.
        texts.reserve_exact(match value {
            Some(value) => value.items().map_or(1, Iterator::count),
            None => 0,
        });
        self.each_text(value, otherwise, &mut |text| texts.push(text.into()));
        texts.into()
    }

    /// A string counts as an array of one. Anything else than strings is refused, not skipped: a deny
    /// rule must not miss a role for its odd spelling.
    pub fn each_text(
        &mut self,
        value: Option<Raw<'_>>,
        otherwise: &'static str,
        take: &mut dyn FnMut(&str),
    ) {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return;
        };
        let mut items = value.items();
        let mut next = match &mut items {
            Some(items) => items.next(),
            None => Some(value),
        };
        while let Some(item) = next {
            match item.text() {
                Some(text) => take(&text),
                None => self.refuse(otherwise),
            }
            next = items.as_mut().and_then(Iterator::next);
        }
    }

    /// A NumericDate (RFC 7519 §2): seconds, perhaps with a fraction.
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
