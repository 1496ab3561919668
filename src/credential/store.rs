//! All credentials of one VM. A credential is available only to the holder of a [`Permit`].

use crate::credential::call::{Coming, CredentialCall, CredentialCallKind};
use crate::credential::exchange::ExchangeError;
use crate::credential::exchanged::{ExchangeProgress, Exchanged, Found};
use crate::credential::polled::{Generation, PollProgress, Polled, PolledUnavailable};
use crate::credential::value::ValueError;
use crate::credential::{Credential, Source};
use crate::decision::{CredentialUnavailable, Denial, SubjectError};
use crate::fetch::callout::{Answer, Callout};
use crate::http::cluster::Cluster;
use crate::pattern::Pattern;
use crate::policy::decide::Permit;
use crate::secret::Secret;
use crate::service_auth::auth::Auth;
use crate::time::Timestamp;
use crate::token::claims::Claims;
use crate::token::verify::Verified;
use std::sync::Arc;

#[derive(Debug)]
pub struct CredentialStore {
    slots: Vec<Slot>,
    calls: Vec<(CredentialCall, Callout)>,
}

#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    bill_to: Option<Arc<str>>,
    clusters: Vec<Pattern>,
    lifecycle: Lifecycle,
}

#[derive(Debug)]
enum Lifecycle {
    Fixed(Secret),
    Polled(Box<Polled>),
    Exchanged(Box<Exchanged>),
}

impl Slot {
    fn is_meant_for(&self, cluster: &Cluster) -> bool {
        self.clusters.is_empty() || cluster.is_among(&self.clusters)
    }
}

/// A credential for a permitted request.
#[derive(Clone, Debug)]
pub struct InjectedCredential {
    pub name: Arc<str>,
    pub value: Secret,
    /// The payer, if the rule or the credential names one.
    pub bill_to: Option<Arc<str>>,
    pub carried: Carried,
}

/// Identifies the value of the credential that a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    credential: usize,
    generation: Generation,
    /// The owner of the token, if each person has a separate one (token exchange).
    subject: Option<Arc<str>>,
}

/// The result of opening the store.
#[derive(Clone, Debug)]
pub enum CredentialAccess {
    Ready(InjectedCredential),
    /// The credential is unavailable. `coming`: the event that may make it available in time.
    Unavailable {
        reason: CredentialUnavailable,
        coming: Option<Coming>,
    },
}

/// The effect of an answer.
#[derive(Clone, Debug)]
pub struct Report {
    pub name: Arc<str>,
    pub progress: Progress,
    /// Requests that wait for this event must resume.
    pub coming: Coming,
}

#[derive(Clone, Debug)]
pub enum Progress {
    /// A valid value arrived. `changed`: it differs from the previous value.
    Renewed {
        changed: bool,
    },
    Failed(ValueError),
    /// A person's token arrived.
    Exchanged,
    /// A person is not a member.
    NotAMember,
    /// `is_first`: the previous exchange succeeded.
    ExchangeFailed {
        error: ExchangeError,
        is_first: bool,
    },
}

/// A change over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The last valid value has just become too old.
    Lapsed,
    /// A person's token was evicted.
    Evicted,
}

impl CredentialStore {
    pub fn new(credentials: &[Credential], now: Timestamp) -> Self {
        let slot = |credential: &Credential| Slot {
            name: credential.name.clone(),
            bill_to: credential.bill_to.clone(),
            clusters: credential.clusters.clone(),
            lifecycle: match &credential.source {
                Source::Fixed(value) => Lifecycle::Fixed(value.clone()),
                Source::Polled(store) => {
                    Lifecycle::Polled(Box::new(Polled::new((**store).clone(), now)))
                }
                Source::Exchanged(settings) => {
                    Lifecycle::Exchanged(Box::new(Exchanged::new((**settings).clone(), now)))
                }
            },
        };
        Self {
            slots: credentials.iter().map(slot).collect(),
            calls: Vec::new(),
        }
    }

    /// Returns the name of the permit's credential; `None` if the rule sends none.
    pub fn name(&self, permit: &Permit) -> Option<&Arc<str>> {
        let slot = self.slots.get(permit.credential()?)?;
        Some(&slot.name)
    }

    /// Returns whether a request to the cluster may carry the credential. Always true without a
    /// credential.
    pub fn may_send(&self, credential: Option<usize>, to: &Cluster) -> bool {
        let is_meant = |index: usize| {
            self.slots
                .get(index)
                .is_some_and(|slot| slot.is_meant_for(to))
        };
        credential.is_none_or(is_meant)
    }

    /// Returns the polled credentials by name.
    pub fn polled(&self) -> impl Iterator<Item = (&str, &Polled)> {
        self.slots.iter().filter_map(|slot| match &slot.lifecycle {
            Lifecycle::Polled(polled) => Some((&*slot.name, &**polled)),
            Lifecycle::Fixed(_) | Lifecycle::Exchanged(_) => None,
        })
    }

    /// Returns the permit's credential; `None` if the rule sends none. `to` is the cluster that the
    /// request goes to, `caller` the permitted caller, and `by` the time until which the request
    /// may wait.
    ///
    /// # Errors
    /// [`Denial::UpstreamNotAllowed`] if the credential may not be sent to that cluster.
    /// [`Denial::NotAMember`] if the credential is exchanged per person and Hugging Face does not
    /// know the caller. [`Denial::Internal`] if the permit refers to another configuration.
    pub fn open(
        &mut self,
        permit: &Permit,
        to: &Cluster,
        caller: Option<&Verified<Claims>>,
        by: Timestamp,
        now: Timestamp,
    ) -> Result<Option<CredentialAccess>, Denial> {
        let Some(index) = permit.credential() else {
            return Ok(None);
        };
        let slot = self
            .slots
            .get_mut(index)
            .ok_or(Denial::Internal("a permit refers to a missing credential"))?;
        let name = &slot.name;
        if !slot.is_meant_for(to) {
            return Err(Denial::UpstreamNotAllowed {
                rule: permit.rule().clone(),
                credential: name.clone(),
                cluster: to.name().cloned(),
            });
        }
        let bill_to = permit.bill_to().or(slot.bill_to.as_ref());
        let ready = |value: &Secret, generation, subject| {
            CredentialAccess::Ready(InjectedCredential {
                name: name.clone(),
                value: value.clone(),
                bill_to: bill_to.cloned(),
                carried: Carried {
                    credential: index,
                    generation,
                    subject,
                },
            })
        };
        let unavailable = |reason, coming| CredentialAccess::Unavailable { reason, coming };
        Ok(Some(match &mut slot.lifecycle {
            Lifecycle::Fixed(value) => ready(value, 0, None),
            Lifecycle::Polled(polled) => match polled.value(now) {
                Ok((value, generation)) => ready(value, generation, None),
                Err(reason) => {
                    let coming = polled.may_answer_by(by).then_some(Coming::Poll(index));
                    unavailable(reason.into(), coming)
                }
            },
            Lifecycle::Exchanged(exchanged) => {
                let stranger = |reason| Denial::NotAMember {
                    rule: permit.rule().clone(),
                    reason,
                };
                let caller = caller.ok_or(Denial::Internal("an exchange without a caller"))?;
                let subject = exchanged.settings().subject.subject(caller);
                let subject = subject.map_err(stranger)?;
                let (found, new) = exchanged.find(&subject, now);
                self.calls
                    .extend(new.map(|new| CredentialCall::exchange(index, new)));
                match found {
                    Found::Token(value, generation) => ready(&value, generation, Some(subject)),
                    Found::Coming(exchange) => {
                        let coming = Some(Coming::Exchange(index, exchange));
                        unavailable(CredentialUnavailable::NeverFetched, coming)
                    }
                    Found::NotAMember => return Err(stranger(SubjectError::Unknown)),
                    Found::Failed => unavailable(CredentialUnavailable::ExchangeFailed, None),
                    Found::Full => unavailable(CredentialUnavailable::TooManyWaiting, None),
                }
            }
        }))
    }

    /// Starts due calls, except those that wait for their own token (`is_coming`). Returns the changes.
    pub fn tick(
        &mut self,
        now: Timestamp,
        is_coming: impl Fn(Option<&Auth>) -> bool,
    ) -> Vec<(Arc<str>, Change)> {
        let mut changes = Vec::new();
        for (credential, slot) in self.slots.iter_mut().enumerate() {
            match &mut slot.lifecycle {
                Lifecycle::Fixed(_) => {}
                Lifecycle::Polled(polled) => {
                    let waits = is_coming(polled.auth());
                    let poll = (!waits).then(|| polled.due(now)).flatten();
                    self.calls
                        .extend(poll.map(|poll| CredentialCall::poll(credential, poll)));
                    let lapsed = polled.has_lapsed(now);
                    changes.extend(lapsed.then(|| (slot.name.clone(), Change::Lapsed)));
                }
                Lifecycle::Exchanged(exchanged) => {
                    exchanged.sweep(now);
                    for _ in 0..exchanged.take_evicted() {
                        changes.push((slot.name.clone(), Change::Evicted));
                    }
                }
            }
        }
        changes
    }

    /// Retries failed polls soon, because the cause of the failure may be gone.
    pub fn hurry(&mut self, now: Timestamp) {
        for slot in &mut self.slots {
            if let Lifecycle::Polled(polled) = &mut slot.lifecycle {
                polled.hurry(now);
            }
        }
    }

    /// Returns how the call authenticates.
    pub fn auth_of(&self, credential_call: CredentialCall) -> Option<&Auth> {
        match &self.slots.get(credential_call.credential)?.lifecycle {
            Lifecycle::Polled(polled) => polled.auth(),
            Lifecycle::Fixed(_) | Lifecycle::Exchanged(_) => None,
        }
    }

    /// Handles a credential that the upstream rejected.
    pub fn rejected(&mut self, carried: &Carried, now: Timestamp) {
        let credential = carried.credential;
        match self
            .slots
            .get_mut(credential)
            .map(|slot| &mut slot.lifecycle)
        {
            Some(Lifecycle::Polled(polled)) => {
                let poll = polled.rejected(carried.generation, now);
                self.calls
                    .extend(poll.map(|poll| CredentialCall::poll(credential, poll)));
            }
            Some(Lifecycle::Exchanged(exchanged)) => {
                if let Some(subject) = &carried.subject {
                    exchanged.rejected(subject, carried.generation, now);
                }
            }
            Some(Lifecycle::Fixed(_)) | None => {}
        }
    }

    /// Processes the answer to a call. Returns `None` if the answer is too late.
    pub fn answered(
        &mut self,
        credential_call: CredentialCall,
        answer: &Answer,
        now: Timestamp,
    ) -> Option<Report> {
        let slot = self.slots.get_mut(credential_call.credential)?;
        let (progress, coming) = match (&mut slot.lifecycle, credential_call.kind) {
            (Lifecycle::Polled(polled), CredentialCallKind::Poll(attempt)) => {
                let progress = match polled.answered(attempt, answer, now) {
                    PollProgress::Renewed { changed } => Progress::Renewed { changed },
                    PollProgress::Failed(error) => Progress::Failed(error),
                    PollProgress::Late => return None,
                };
                (progress, Coming::Poll(credential_call.credential))
            }
            (Lifecycle::Exchanged(exchanged), CredentialCallKind::Exchange(exchange)) => {
                let progress = match exchanged.answered(exchange, answer, now) {
                    ExchangeProgress::Renewed => Progress::Exchanged,
                    ExchangeProgress::NotAMember => Progress::NotAMember,
                    ExchangeProgress::Failed { error, is_first } => {
                        Progress::ExchangeFailed { error, is_first }
                    }
                    ExchangeProgress::Late => return None,
                };
                (
                    progress,
                    Coming::Exchange(credential_call.credential, exchange),
                )
            }
            (Lifecycle::Fixed(_), _)
            | (Lifecycle::Polled(_), CredentialCallKind::Exchange(_))
            | (Lifecycle::Exchanged(_), CredentialCallKind::Poll(_)) => return None,
        };
        Some(Report {
            name: slot.name.clone(),
            progress,
            coming,
        })
    }

    /// Returns the calls to make.
    pub fn take_calls(&mut self) -> Vec<(CredentialCall, Callout)> {
        std::mem::take(&mut self.calls)
    }
}

impl From<PolledUnavailable> for CredentialUnavailable {
    fn from(reason: PolledUnavailable) -> Self {
        match reason {
            PolledUnavailable::NeverFetched => Self::NeverFetched,
            PolledUnavailable::Stale => Self::Stale,
        }
    }
}
