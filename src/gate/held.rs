//! A response that is held until its body has been seen, or enough of it.

use crate::decision::{Denial, Unavailable};
use crate::model::catalog;
use crate::policy::view::View;
use crate::time::Timestamp;

/// Longest 400 that is read for what it says, in bytes.
pub const MAX_COMPLAINT: usize = 4096;
/// How Hugging Face answers for a paused endpoint, as seen by others; it is not documented.
const PAUSED: &[u8] = b"Invalid state";

#[derive(Debug)]
pub struct Held {
    pub purpose: Purpose,
    pub body: Vec<u8>,
    pub limit: usize,
    /// Set by the first tick that finds it held: responses do not tell the time.
    pub first_piece_by: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A list of models, to be filtered.
    List,
    /// A 400, which may be that of a paused endpoint.
    Complaint,
}

/// What a held response has led to.
pub enum Outcome {
    Pass,
    List(String),
    Failed(Denial),
}

impl Purpose {
    /// What becomes of it when its body can't be had.
    pub fn give_up(self, reason: &'static str) -> Outcome {
        match self {
            Self::List => Outcome::Failed(Denial::ModelsUnreadable(reason)),
            Self::Complaint => Outcome::Pass,
        }
    }
}

impl Held {
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.first_piece_by.is_some_and(|by| now >= by)
    }

    /// What its whole body makes of it.
    pub fn judge(&self, view: Option<&View>) -> Outcome {
        let is_paused = || self.body.windows(PAUSED.len()).any(|piece| piece == PAUSED);
        match (self.purpose, view) {
            (Purpose::Complaint, _) if is_paused() => {
                Outcome::Failed(Denial::EndpointUnavailable(Unavailable::Paused))
            }
            (Purpose::Complaint, _) => Outcome::Pass,
            (Purpose::List, None) => self.purpose.give_up("nobody may see it"),
            (Purpose::List, Some(view)) => match catalog::filter(&self.body, |id| view.shows(id)) {
                Ok(list) => Outcome::List(list),
                Err(reason) => self.purpose.give_up(reason),
            },
        }
    }
}
