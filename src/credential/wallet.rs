//! All credentials of one VM over time, and the one door to them: a [`Permit`] opens it.

use super::auth::Auth;
use super::polled::{Generation, PollProgress, Polled, PolledLack};
use super::value::ValueError;
use super::{Credential, Source};
use crate::callout::{Answer, Callout};
use crate::decision::{CredentialLack, Denial};
use crate::keys::refresh::Attempt;
use crate::policy::decide::Permit;
use crate::secret::Secret;
use crate::time::Timestamp;
use std::sync::Arc;

#[derive(Debug)]
pub struct Wallet {
    slots: Vec<Slot>,
    calls: Vec<(Errand, Callout)>,
}

#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    life: Life,
}

#[derive(Debug)]
enum Life {
    Fixed(Secret),
    Polled(Box<Polled>),
}

/// What a permit has opened.
#[derive(Clone, Debug)]
pub struct Held {
    pub name: Arc<str>,
    pub value: Secret,
    pub carried: Carried,
}

/// Which value of which credential a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    credential: usize,
    generation: Generation,
}

/// What opening has led to.
#[derive(Clone, Debug)]
pub enum Opened {
    Ready(Held),
    /// It is not there. `coming`: it may be in time.
    Lacking {
        name: Arc<str>,
        lack: CredentialLack,
        coming: Option<Coming>,
    },
}

/// What a request for a credential waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// Any good value of that credential.
    Poll(usize),
}

/// What an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    credential: usize,
    kind: ErrandKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrandKind {
    Poll(Attempt),
}

/// What an answer has changed.
#[derive(Clone, Debug)]
pub struct Report {
    pub name: Arc<str>,
    pub progress: Progress,
    /// Who waits for that is to be woken.
    pub coming: Coming,
}

#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// A good value has come; `changed`: another than the one before.
    Renewed {
        changed: bool,
    },
    Failed(ValueError),
}

impl Wallet {
    pub fn new(credentials: &[Credential], now: Timestamp) -> Self {
        let slot = |credential: &Credential| Slot {
            name: credential.name.clone(),
            life: match &credential.source {
                Source::Fixed(value) => Life::Fixed(value.clone()),
                Source::Polled(store) => {
                    Life::Polled(Box::new(Polled::new((**store).clone(), now)))
                }
            },
        };
        Self {
            slots: credentials.iter().map(slot).collect(),
            calls: Vec::new(),
        }
    }

    /// The permit's credential; `None` for an anonymous rule that names none. `by`: until when the
    /// request may wait.
    ///
    /// # Errors
    /// [`Denial::Internal`] if the permit points outside the configuration it was made from.
    pub fn open(
        &mut self,
        permit: &Permit,
        by: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Opened>, Denial> {
        let Some(index) = permit.credential() else {
            return Ok(None);
        };
        let slot = self
            .slots
            .get_mut(index)
            .ok_or(Denial::Internal("a permit without credential"))?;
        let held = |value: &Secret, generation| Held {
            name: slot.name.clone(),
            value: value.clone(),
            carried: Carried {
                credential: index,
                generation,
            },
        };
        Ok(Some(match &slot.life {
            Life::Fixed(value) => Opened::Ready(held(value, 0)),
            Life::Polled(polled) => match polled.value(now) {
                Ok((value, generation)) => Opened::Ready(held(value, generation)),
                Err(lack) => Opened::Lacking {
                    name: slot.name.clone(),
                    lack: lack.into(),
                    coming: polled.may_answer_by(by).then_some(Coming::Poll(index)),
                },
            },
        }))
    }

    /// Begins what is due, but what waits for its own token (`is_coming`). Names those credentials
    /// whose last good value has just become too old.
    pub fn tick(
        &mut self,
        now: Timestamp,
        is_coming: impl Fn(Option<&Auth>) -> bool,
    ) -> Vec<Arc<str>> {
        let mut lapsed = Vec::new();
        for (credential, slot) in self.slots.iter_mut().enumerate() {
            match &mut slot.life {
                Life::Fixed(_) => {}
                Life::Polled(polled) => {
                    let waits = is_coming(polled.auth());
                    let poll = (!waits).then(|| polled.due(now)).flatten();
                    self.calls
                        .extend(poll.map(|poll| Errand::poll(credential, poll)));
                    if polled.has_lapsed(now) {
                        lapsed.push(slot.name.clone());
                    }
                }
            }
        }
        lapsed
    }

    /// What the last polls failed for may be there now.
    pub fn hurry(&mut self, now: Timestamp) {
        for slot in &mut self.slots {
            if let Life::Polled(polled) = &mut slot.life {
                polled.hurry(now);
            }
        }
    }

    /// How such a call authenticates.
    pub fn auth_of(&self, errand: Errand) -> Option<&Auth> {
        match &self.slots.get(errand.credential)?.life {
            Life::Polled(polled) => polled.auth(),
            Life::Fixed(_) => None,
        }
    }

    /// The upstream has refused the value that a request carried.
    pub fn rejected(&mut self, carried: &Carried, now: Timestamp) {
        let credential = carried.credential;
        match self.slots.get_mut(credential).map(|slot| &mut slot.life) {
            Some(Life::Polled(polled)) => {
                let poll = polled.rejected(carried.generation, now);
                self.calls
                    .extend(poll.map(|poll| Errand::poll(credential, poll)));
            }
            Some(Life::Fixed(_)) | None => {}
        }
    }

    /// Takes in the answer to a call. `None`: it came too late to matter.
    pub fn answered(&mut self, errand: Errand, answer: &Answer, now: Timestamp) -> Option<Report> {
        let slot = self.slots.get_mut(errand.credential)?;
        let (progress, coming) = match (&mut slot.life, errand.kind) {
            (Life::Polled(polled), ErrandKind::Poll(attempt)) => {
                let progress = match polled.answered(attempt, answer, now) {
                    PollProgress::Renewed { changed } => Progress::Renewed { changed },
                    PollProgress::Failed(error) => Progress::Failed(error),
                    PollProgress::Late => return None,
                };
                (progress, Coming::Poll(errand.credential))
            }
            (Life::Fixed(_), _) => return None,
        };
        Some(Report {
            name: slot.name.clone(),
            progress,
            coming,
        })
    }

    /// Calls to make.
    pub fn take_calls(&mut self) -> Vec<(Errand, Callout)> {
        std::mem::take(&mut self.calls)
    }
}

impl Errand {
    fn poll(credential: usize, (attempt, callout): (Attempt, Callout)) -> (Self, Callout) {
        let kind = ErrandKind::Poll(attempt);
        (Self { credential, kind }, callout)
    }
}

impl From<PolledLack> for CredentialLack {
    fn from(lack: PolledLack) -> Self {
        match lack {
            PolledLack::NeverFetched => Self::NeverFetched,
            PolledLack::Stale => Self::Stale,
        }
    }
}
