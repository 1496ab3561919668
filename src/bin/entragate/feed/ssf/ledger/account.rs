//! The state of one account at one stream. Times are in seconds since 1970.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<u64>,
    /// When the event that disables the account was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_known: Option<u64>,
    /// Kept so that an older event does not disable the account again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<u64>,
    /// Tokens that were issued earlier are revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
}

impl Account {
    pub fn disable(&mut self, at: u64, received: u64) {
        if self.enabled.is_none_or(|enabled| enabled <= at) {
            self.disabled = self.disabled.max(Some(at));
            self.disabled_known = self.disabled_known.max(Some(received));
        }
    }

    pub fn enable(&mut self, at: u64) {
        self.enabled = self.enabled.max(Some(at));
        self.set_disabled(self.disabled.filter(|disabled| *disabled > at));
    }

    fn set_disabled(&mut self, at: Option<u64>) {
        self.disabled = at;
        self.disabled_known = self.disabled_known.filter(|_| at.is_some());
    }

    pub fn purge(&mut self, at: u64) {
        self.purged = self.purged.max(Some(at));
    }

    pub fn end_tokens(&mut self, at: u64) {
        self.not_before = self.not_before.max(Some(at));
    }

    pub const fn is_revoked(&self) -> bool {
        self.disabled.is_some() || self.purged.is_some() || self.not_before.is_some()
    }

    /// Removes the parts that concern only expired tokens: those issued before `end`. `gets_no_tokens`: a disabled
    /// account gets no new tokens. Returns whether anything is left.
    pub fn expire(&mut self, end: u64, gets_no_tokens: bool) -> bool {
        if gets_no_tokens && self.disabled.max(self.disabled_known) < Some(end) {
            self.set_disabled(None);
        }
        for time in [&mut self.enabled, &mut self.purged, &mut self.not_before] {
            *time = time.filter(|time| *time >= end);
        }
        self.is_revoked() || self.enabled.is_some()
    }
}
